/**
 * The operating system behind one port: what Node's `fs` cannot do; and the data folder, which one engine has at a time.
 * Guarantees: the native-call library is used here and nowhere else; errors look like Node's own; calls are synchronous and work in worker threads.
 * Does not: retry, log, or decide what a failure means. macOS and Windows adapters are short and say that they are unproven.
 */
import { openLinux } from './linux.ts';
import { openMacos } from './macos.ts';
import type { Platform } from './port.ts';
import { openWindows } from './windows.ts';

export { type DataFolder, type DataFolderHolder, defaultDataFolder, openDataFolder } from './data-folder.ts';
export { type DeviceNumber, joinDevice, splitDevice } from './device-number.ts';
export type {
	BlockDevice,
	Capabilities,
	Capability,
	DataExtent,
	FilePort,
	LockPort,
	Medium,
	MetadataPort,
	MountPoint,
	Platform,
	SocketAddress,
	SocketPort,
	Volume,
	VolumePort,
	Xattr,
} from './port.ts';
export { platformLimits } from './port.ts';
export { systemError } from './system-error.ts';

/** The adapter of this machine. Cheap enough to be opened once per thread; holds nothing that needs closing. */
export function openPlatform(): Platform {
	switch (process.platform) {
		case 'linux':
			return openLinux();
		case 'darwin':
			return openMacos();
		case 'win32':
			return openWindows();
		default:
			throw new Error(`Holdfast runs on Linux, macOS and Windows, not on ${process.platform}.`);
	}
}
