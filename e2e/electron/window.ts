import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, Page, Route } from 'playwright';
import { launchChromium } from '../chromium.ts';
import { app, isAllowed } from './app.ts';
import { answerInvoke, crossing } from './messages.ts';
import { pageRuntime } from './page-runtime.ts';
import { protocol } from './surroundings.ts';

type Options = {
	width?: number;
	height?: number;
	x?: number;
	y?: number;
	show?: boolean;
	title?: string;
	webPreferences?: { preload?: string };
};
type Bounds = { x: number; y: number; width: number; height: number };
type WindowOpenHandler = (details: { url: string }) => { action: 'deny' | 'allow' };

let browser: Promise<Browser> | undefined;
/** One Chromium for all windows; the test looks into it through its debugging port. */
function openBrowser(): Promise<Browser> {
	browser ??= launchChromium(`--remote-debugging-port=${process.env.HOLDFAST_STAND_IN_PORT ?? 0}`);
	return browser;
}
app.beforeExit(async () => (await browser)?.close());

/** Chromium cannot be taught a scheme from outside: `holdfast://console/x` is loaded as `http://console.holdfast.localhost/x`. */
const outward = (url: string): string =>
	url.replace(/^([a-z]+):\/\/([^/]+)/, (all, scheme, host) => (protocol.handlers.has(scheme) ? `http://${host}.${scheme}.localhost` : all));
const inward = (url: string): string =>
	url.replace(/^http:\/\/([^/]+)\.([a-z]+)\.localhost/, (all, host, scheme) => (protocol.handlers.has(scheme) ? `${scheme}://${host}` : all));

class WebContents extends EventEmitter {
	readonly #window: BrowserWindow;
	windowOpenHandler: WindowOpenHandler = () => ({ action: 'allow' });
	url = '';

	constructor(window: BrowserWindow) {
		super();
		this.#window = window;
	}
	getURL(): string {
		return this.url;
	}
	isDestroyed(): boolean {
		return this.#window.isDestroyed();
	}
	setWindowOpenHandler(handler: WindowOpenHandler): void {
		this.windowOpenHandler = handler;
	}
	send(channel: string, ...values: unknown[]): void {
		const message = { channel, values: crossing(values) };
		this.#window
			.page()
			.then((page) =>
				page.evaluate(
					({ channel, values }) => (window as unknown as { standInDeliver?: (c: string, v: unknown[]) => void }).standInDeliver?.(channel, values),
					message,
				),
			)
			// A page that is going away hears nothing, as in Electron.
			.catch(() => undefined);
	}
}

export class BrowserWindow extends EventEmitter {
	static readonly #all = new Set<BrowserWindow>();
	readonly webContents = new WebContents(this);
	readonly #page: Promise<Page>;
	readonly #bounds: Bounds;
	#context: BrowserContext | undefined;
	#title: string;
	#isVisible: boolean;
	#isMaximised = false;

	static getAllWindows(): BrowserWindow[] {
		return [...BrowserWindow.#all];
	}

	constructor(options: Options) {
		super();
		this.#bounds = { x: options.x ?? 0, y: options.y ?? 0, width: options.width ?? 800, height: options.height ?? 600 };
		this.#title = options.title ?? '';
		this.#isVisible = options.show !== false;
		BrowserWindow.#all.add(this);
		app.emit('web-contents-created', {}, this.webContents);
		this.#page = this.#open(options.webPreferences?.preload);
	}

	/** For the stand-in's own parts. */
	page(): Promise<Page> {
		return this.#page;
	}

	async #open(preloadPath: string | undefined): Promise<Page> {
		const { width, height } = this.#bounds;
		this.#context = await (await openBrowser()).newContext({ viewport: { width, height } });
		const page = await this.#context.newPage();
		await page.exposeBinding('standInInvoke', ({ frame }, channel: string, values: unknown[]) => {
			const senderFrame = { url: inward(frame.url()), parent: frame.parentFrame() };
			return answerInvoke({ sender: this.webContents, senderFrame }, channel, values);
		});
		if (preloadPath) await page.addInitScript({ content: pageRuntime(readFileSync(preloadPath, 'utf8'), process.platform) });
		await page.route('**/*', (route) => this.#serve(route, page));
		page.on('popup', async (popup) => {
			if (this.webContents.windowOpenHandler({ url: inward(popup.url()) }).action === 'deny') await popup.close();
		});
		page.on('pageerror', (error) => console.error('[page]', error));
		page.on('close', () => this.destroy());
		return page;
	}

	/** Every request of the page: navigation asks the main process, custom schemes go to their handler, the rest to the network. */
	async #serve(route: Route, page: Page): Promise<void> {
		const request = route.request();
		const url = inward(request.url());
		if (request.isNavigationRequest() && request.frame() === page.mainFrame()) {
			// A load that the main process began itself is not asked about.
			const isOwnLoad = url === this.webContents.url;
			if (!isOwnLoad && !isAllowed(this.webContents, 'will-navigate', { url })) return route.abort('aborted');
			this.webContents.url = url;
			this.webContents.emit('did-start-navigation', { url, isMainFrame: true, isSameDocument: false });
		}
		const handler = protocol.handlers.get(new URL(url).protocol.slice(0, -1));
		if (!handler) return route.continue();
		const response = await handler(new Request(url, { method: request.method() }));
		await route.fulfill({ status: response.status, headers: Object.fromEntries(response.headers), body: Buffer.from(await response.arrayBuffer()) });
	}

	async loadURL(url: string): Promise<void> {
		this.webContents.url = url;
		await (await this.#page).goto(outward(url));
		this.emit('ready-to-show');
	}

	close(): void {
		if (isAllowed(this, 'close')) this.destroy();
	}
	destroy(): void {
		if (!BrowserWindow.#all.delete(this)) return;
		void this.#context?.close().catch(() => undefined);
		this.webContents.emit('destroyed');
		this.emit('closed');
		if (BrowserWindow.#all.size === 0 && !app.emit('window-all-closed')) app.quit();
	}
	isDestroyed(): boolean {
		return !BrowserWindow.#all.has(this);
	}

	show(): void {
		this.#isVisible = true;
	}
	hide(): void {
		this.#isVisible = false;
	}
	isVisible(): boolean {
		return this.#isVisible;
	}
	focus(): void {
		this.emit('focus');
	}
	restore(): void {}
	isMinimized(): boolean {
		return false;
	}
	maximize(): void {
		this.#isMaximised = true;
	}
	isMaximized(): boolean {
		return this.#isMaximised;
	}
	getNormalBounds(): Bounds {
		return this.#bounds;
	}
	setTitle(title: string): void {
		this.#title = title;
	}
	getTitle(): string {
		return this.#title;
	}
	setProgressBar(_share: number): void {}
}
