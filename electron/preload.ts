/**
 * The only code of ours beside the page: puts `window.holdfast` there and nothing else. It runs sandboxed, so it is bundled
 * into one CommonJS file that requires only `electron`.
 */
import { contextBridge, type IpcRendererEvent, ipcRenderer } from 'electron';
import type { DesktopBridge, DesktopConnection, DesktopReply } from '../engine/contract/index.ts';
import { type Answer, channel, type Notice, type Request } from './channel.ts';

async function ask<T>(request: Request): Promise<T> {
	const answer = (await ipcRenderer.invoke(channel, request)) as Answer;
	if ('failure' in answer) throw new Error([answer.failure.message, answer.failure.hint].filter(Boolean).join(' '));
	return answer.value as T;
}

function hear(callback: (notice: Notice) => void): () => void {
	const listener = (_event: IpcRendererEvent, notice: Notice): void => callback(notice);
	ipcRenderer.on(channel, listener);
	return () => {
		ipcRenderer.removeListener(channel, listener);
	};
}

const bridge: DesktopBridge = {
	platform: process.platform,
	call: (call) => ask<DesktopReply>({ kind: 'call', call }),
	listen: (callback) => hear((notice) => notice.kind === 'message' && callback(notice.message)),
	stop: (id) => {
		void ask({ kind: 'stop', id });
	},
	saveDownload: ({ point, paths }) => ask<{ path: string } | null>({ kind: 'save-download', point, paths }),
	chooseFolder: () => ask<string | null>({ kind: 'choose-folder' }),
	connection: () => ask<DesktopConnection>({ kind: 'connection' }),
	onCommand: (callback) => hear((notice) => notice.kind === 'command' && callback(notice.command)),
};

contextBridge.exposeInMainWorld('holdfast', bridge);
