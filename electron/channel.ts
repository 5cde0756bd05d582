/** The one IPC channel: requests go up as `invoke`, messages come down as events. Alone in a file, because the preload bundles it. */
import type { DesktopCall, DesktopCommand, DesktopMessage, ErrorShape } from '../engine/contract/index.ts';

export const channel = 'holdfast';

export type Request =
	| { readonly kind: 'call'; readonly call: DesktopCall }
	| { readonly kind: 'stop'; readonly id: number }
	| { readonly kind: 'save-download'; readonly point: string; readonly paths: readonly string[] }
	| { readonly kind: 'choose-folder' }
	| { readonly kind: 'connection' };

/** Failures cross as values: Electron would wrap a thrown one's message in words about remote methods. */
export type Answer = { readonly value: unknown } | { readonly failure: ErrorShape };

export type Notice = { readonly kind: 'message'; readonly message: DesktopMessage } | { readonly kind: 'command'; readonly command: DesktopCommand };
