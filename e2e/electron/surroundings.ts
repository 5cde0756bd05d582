/** What surrounds windows. These parts keep what they are told; a test reads it and clicks through `evaluate`. */
import { EventEmitter } from 'node:events';

type Template = { label?: string; role?: string; accelerator?: string; enabled?: boolean; type?: string; submenu?: Template[]; click?: () => void };

class MenuItem {
	readonly label: string;
	readonly role: string | undefined;
	readonly accelerator: string | undefined;
	readonly enabled: boolean;
	readonly type: string;
	readonly submenu: Menu | undefined;
	readonly click: () => void;

	constructor({ label, role, accelerator, enabled, type, submenu, click }: Template) {
		this.label = label ?? role ?? '';
		this.role = role;
		this.accelerator = accelerator;
		this.enabled = enabled ?? true;
		this.type = type ?? (submenu ? 'submenu' : 'normal');
		this.submenu = submenu && new Menu(submenu);
		this.click = () => click?.();
	}
}

export class Menu {
	static #application: Menu | null = null;
	readonly items: readonly MenuItem[];

	constructor(template: Template[] = []) {
		this.items = template.map((item) => new MenuItem(item));
	}
	static buildFromTemplate(template: Template[]): Menu {
		return new Menu(template);
	}
	static setApplicationMenu(menu: Menu | null): void {
		Menu.#application = menu;
	}
	static getApplicationMenu(): Menu | null {
		return Menu.#application;
	}
}

export const nativeImage = { createFromPath: (path: string) => ({ path }) };

export class Tray extends EventEmitter {
	/** All that were made: real Electron has no list of them. */
	static readonly all = new Set<Tray>();
	image: { path: string };
	toolTip = '';
	menu: Menu | null = null;

	constructor(image: { path: string }) {
		super();
		this.image = image;
		Tray.all.add(this);
	}
	setImage(image: { path: string }): void {
		this.image = image;
	}
	setToolTip(toolTip: string): void {
		this.toolTip = toolTip;
	}
	setContextMenu(menu: Menu): void {
		this.menu = menu;
	}
	destroy(): void {
		Tray.all.delete(this);
	}
}

/** Answers are the test's: it replaces the method, as it would in real Electron. Unasked for, everything is cancelled. */
export const dialog = {
	showOpenDialog: async (..._values: unknown[]) => ({ canceled: true, filePaths: [] as string[] }),
	showSaveDialog: async (..._values: unknown[]) => ({ canceled: true, filePath: '' }),
	showMessageBox: async (..._values: unknown[]) => ({ response: 0 }),
	showErrorBox: (title: string, content: string): void => console.error(`${title}: ${content}`),
};

export const shell = { openExternal: async (_url: string): Promise<void> => undefined };

export const nativeTheme = Object.assign(new EventEmitter(), { shouldUseDarkColors: false });
export const powerMonitor = new EventEmitter();
export const screen = { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] };

export const session = { defaultSession: { setPermissionRequestHandler(_handler: unknown): void {}, setPermissionCheckHandler(_handler: unknown): void {} } };

type SchemeHandler = (request: Request) => Promise<Response>;
export const protocol = {
	handlers: new Map<string, SchemeHandler>(),
	registerSchemesAsPrivileged(_schemes: unknown): void {},
	handle(scheme: string, handler: SchemeHandler): void {
		protocol.handlers.set(scheme, handler);
	},
};
