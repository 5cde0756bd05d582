/** The file dialog for content of a restore point. */
import { basename } from 'node:path';
import { type BrowserWindow, dialog } from 'electron';
import type { EngineHost } from './engine-host.ts';
import { writeWhole } from './whole-file.ts';

export async function saveDownload(input: { point: string; paths: string[] }, host: EngineHost, parent: BrowserWindow): Promise<{ path: string } | null> {
	const ended = new AbortController();
	const download = await host.download(input, { signal: ended.signal });
	try {
		const { canceled, filePath } = await dialog.showSaveDialog(parent, { defaultPath: basename(download.fileName) });
		if (canceled || !filePath) return null;
		await writeWhole(filePath, download, (share) => parent.isDestroyed() || parent.setProgressBar(share));
		return { path: filePath };
	} finally {
		ended.abort();
		if (!parent.isDestroyed()) parent.setProgressBar(-1);
	}
}
