import { LocalFolder } from './local-folder.ts';
import type { Storage } from './storage.ts';

/** Where a repository is: a folder of this machine by its path, which can be passed between threads, or any storage. */
export type RepositoryPlace = string | Storage;

export const storageAt = (place: RepositoryPlace): Storage => (typeof place === 'string' ? new LocalFolder(place) : place);
