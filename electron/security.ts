/** What no page may do, whoever wrote it: leave the console, open windows, get permissions, hold web views. */
import { app, type Session, shell } from 'electron';
import { isAllowedOutside, isOwnPage } from './page.ts';

/** Call before the first window. */
export function confinePages(session: Session, { allowedOrigins }: { readonly allowedOrigins: readonly string[] }): void {
	const openOutside = (url: string): void => {
		if (isAllowedOutside(url, allowedOrigins)) void shell.openExternal(url);
	};
	// Copying text is the one thing that the console asks for.
	const isGranted = (permission: string, url: string): boolean => permission === 'clipboard-sanitized-write' && isOwnPage(url);
	session.setPermissionRequestHandler((page, permission, decide) => decide(isGranted(permission, page.getURL())));
	session.setPermissionCheckHandler((page, permission) => isGranted(permission, page?.getURL() ?? ''));

	app.on('web-contents-created', (_event, page) => {
		page.setWindowOpenHandler(({ url }) => {
			openOutside(url);
			return { action: 'deny' };
		});
		page.on('will-navigate', (event) => {
			if (isOwnPage(event.url)) return;
			event.preventDefault();
			openOutside(event.url);
		});
		page.on('will-redirect', (event) => {
			if (!isOwnPage(event.url)) event.preventDefault();
		});
		page.on('will-attach-webview', (event) => event.preventDefault());
	});
}
