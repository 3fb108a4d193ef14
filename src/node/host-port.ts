/** `HOST`, `HOST:PORT`, `[V6]` and `[V6]:PORT`, as options have them (Core: SplitHostPort in util/strencodings.cpp). */

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Undefined when what stands for the port is none; 0 passes. An IPv6 address without brackets has no port. */
export function splitHostPort(text: string, defaultPort: number): HostPort | undefined {
  const colon = text.lastIndexOf(':');
  const isBracketed = text.startsWith('[') && (text.endsWith(']') || text[colon - 1] === ']');
  const hasPort = colon !== -1 && (isBracketed ? !text.endsWith(']') : text.indexOf(':') === colon);
  const host = hasPort ? text.slice(0, colon) : text;
  const digits = hasPort ? text.slice(colon + 1) : String(defaultPort);
  if (!/^\d{1,5}$/.test(digits) || Number(digits) > 0xffff) return undefined;
  return { host: isBracketed ? host.slice(1, -1) : host, port: Number(digits) };
}

/** `HOST:PORT`, `[V6]:PORT`. */
export function hostPortText({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
