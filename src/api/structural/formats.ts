import net from 'node:net';

type Check = (value: string) => boolean;

const uuid = (version: string): Check => {
  const expression = new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i');
  return (value) => expression.test(value);
};

/** Formats that are checked (apiextensions-apiserver pkg/apiserver/validation/formats.go); others are decoration. */
const checks: Record<string, Check> = {
  'date-time': (value) =>
    /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value)),
  date: (value) => /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)),
  duration: (value) =>
    /^([+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(value) ||
    /^\d+ ?(ns|us|ms|s|m|h|d|w|hours?|minutes?|seconds?|days?|weeks?)$/.test(value),
  byte: (value) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value),
  email: (value) => /^[^@\s]+@[^@\s]+$/.test(value),
  hostname: (value) =>
    /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/.test(value),
  ipv4: (value) => net.isIPv4(value),
  ipv6: (value) => net.isIPv6(value),
  cidr: (value) => {
    const [address = '', bits = ''] = value.split('/');
    const family = net.isIP(address);
    return family > 0 && /^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
  },
  mac: (value) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(value),
  uri: (value) => URL.canParse(value) || value.startsWith('/'),
  uuid: uuid('[0-9a-f]'),
  uuid3: uuid('3'),
  uuid4: uuid('4'),
  uuid5: uuid('5'),
  hexcolor: (value) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(value),
};

/** Whether a string breaks the format. */
export function formatProblem(format: string, value: string): boolean {
  const check = checks[format];
  return check !== undefined && !check(value);
}
