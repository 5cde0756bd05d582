import type { KeyRing } from '../../format/index.ts';
import { LocalFolder } from './local-folder.ts';
import type { Storage } from './storage.ts';

/** A folder of this machine and the keys of the encrypted chains on it; can be passed between threads. */
export type KeyedFolder = { readonly path: string; readonly keys: KeyRing };

/** A repository as it is passed between threads: its path, with keys where there are any. */
export type RepositoryFolder = string | KeyedFolder;

/** Where a repository is: a folder or any storage. */
export type RepositoryPlace = RepositoryFolder | Vault | Storage;

/** Storage and the keys at hand for what lies there. */
export type Vault = { readonly storage: Storage; readonly keys: KeyRing };

export function openVault(place: RepositoryPlace): Vault {
	if (typeof place === 'string') return { storage: new LocalFolder(place), keys: [] };
	if (!('keys' in place)) return { storage: place, keys: [] };
	return 'storage' in place ? place : { storage: new LocalFolder(place.path), keys: place.keys };
}

export const storageAt = (place: RepositoryPlace): Storage => openVault(place).storage;

/** The path of a folder of this machine. */
export const folderPath = (place: RepositoryFolder): string => (typeof place === 'string' ? place : place.path);
