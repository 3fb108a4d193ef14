import { expect, test } from 'vitest';
import { splitHostPort } from '../../../src/node/host-port.ts';

test.each([
  ['127.0.0.1', '127.0.0.1', 1],
  ['127.0.0.1:80', '127.0.0.1', 80],
  ['host.example:0', 'host.example', 0],
  ['[::1]', '::1', 1],
  ['[::1]:65535', '::1', 65_535],
  ['::1', '::1', 1],
  ['2001:db8::8333', '2001:db8::8333', 1],
  ['', '', 1],
])('%j is host %j, port %i', (text, host, port) => {
  expect(splitHostPort(text, 1)).toEqual({ host, port });
});

test.each(['1.2.3.4:', '1.2.3.4:65536', '[::1]:-1', '[::1]:notaport', 'host:1a'])('%j has no port', text => {
  expect(splitHostPort(text, 1)).toBeUndefined();
});
