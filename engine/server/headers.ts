/**
 * What every answer tells the browser. The console is one page with its own scripts; inline styles are allowed because its
 * component library sets sizes and colours with them. `host` was checked before: it is one of ours.
 */
export const securityHeaders = (host: string): Readonly<Record<string, string>> => ({
	'content-security-policy': [
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self' 'unsafe-inline'",
		"img-src 'self' data: blob:",
		"font-src 'self' data:",
		"worker-src 'self'",
		"manifest-src 'self'",
		`connect-src 'self' ws://${host}`, // not every browser counts the WebSocket of the same host as 'self'
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	].join('; '),
	'x-content-type-options': 'nosniff',
	'x-frame-options': 'DENY',
	'referrer-policy': 'no-referrer',
	'cross-origin-opener-policy': 'same-origin',
	'cross-origin-resource-policy': 'same-origin',
	'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=()',
});

/** A download is looked at by nobody but the user: no script of it may run here, even if a browser showed it. */
export const downloadPolicy = "default-src 'none'; sandbox";
