import { EngineError } from '../base/index.ts';

/** Names of snapshots are made of it, and it comes from the journal or from what the system lists. @throws `snapshot.failed` */
export function safeLeaseId(id: string): string {
	if (isLeaseId(id)) return id;
	throw new EngineError('snapshot.failed', `“${id.slice(0, 40)}” is not the id of a snapshot.`);
}

export const isLeaseId = (id: string): boolean => /^[0-9a-zA-Z]{1,16}$/.test(id);
