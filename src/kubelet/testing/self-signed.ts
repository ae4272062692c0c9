/**
 * A key and a certificate for 127.0.0.1 that is its own CA, for tests: worthless anywhere else. Made by
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -addext subjectAltName=IP:127.0.0.1`.
 */
export const selfSigned = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCP/zSphZZspFvi0i
jzETZXLyNcdZKL3VzSWj+PfCnGOhRANCAASHOFqvc+4eAR5zsqtSF+mtWJfzzEXS
EYoa1TqVvVdHIjMc9DodqG/uTW7P71+2h+8AZ5E/ENC8K9xqq2FTDHBa
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBhTCCASygAwIBAgIUSiZxf3iIKEbgkF2R0rhmf11dNokwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMxNzU4MjVaGA8yMTI2MTAzMDE3NTgy
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIc4
Wq9z7h4BHnOyq1IX6a1Yl/PMRdIRihrVOpW9V0ciMxz0Oh2ob+5Nbs/vX7aH7wBn
kT8Q0Lwr3GqrYVMMcFqjZDBiMB0GA1UdDgQWBBQw1izePa3o4oMkl9wLkmo2jD9t
ADAfBgNVHSMEGDAWgBQw1izePa3o4oMkl9wLkmo2jD9tADAPBgNVHRMBAf8EBTAD
AQH/MA8GA1UdEQQIMAaHBH8AAAEwCgYIKoZIzj0EAwIDRwAwRAIgaCmF4KzhT+VC
2szsXNHu0NT9DM9Kmukrw/OkBuq5rv4CIGyXZhK0Y5dGksNtMp2jgngCOeWRd3OS
KjQiecT1LL0F
-----END CERTIFICATE-----
`,
};
