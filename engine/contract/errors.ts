/**
 * Error codes. A code is never renamed and never reused; a script or a screen may depend on it.
 * The prefix says which side failed: `source.*` is the machine that is protected (a warning, the session goes on),
 * `repository.*` is where the backup files lie (the task stops), `snapshot.*` what the machine is read from (the job says whether it
 * may go on without).
 */
export const errorCodes = [
	'usage.invalid', // an option or a field has a value that cannot be taken; data.field names it
	'usage.conflict', // two options that exclude each other
	'usage.unsupported', // a known wish that this version or this platform cannot fulfil
	'auth.required',
	'auth.refused',
	'auth.wrong-secret', // a password or recovery key that opens nothing of what it should open
	'not-found.job',
	'not-found.repository',
	'not-found.session',
	'not-found.point',
	'not-found.chain',
	'not-found.key',
	'not-found.throttle',
	'not-found.machine',
	'not-found.volume',
	'not-found.path',
	'not-found.disk',
	'not-found.host',
	'not-found.vm',
	'not-found.device',
	'exists.name', // a job, repository or throttling rule of that name exists
	'exists.target', // the place to restore to is not empty and overwriting was not allowed
	'stale.revision', // somebody saved first; data.current holds the newer state
	'busy.job', // the job has a running session
	'busy.repository',
	'busy.chain',
	'busy.machine', // a repository, a job or a proxy needs it
	'busy.host', // jobs protect machines of it
	'busy.device', // something else uses it
	'busy.data-folder', // another engine holds it; data.holder says who
	'data-folder.unusable',
	'database.newer', // written by a newer version of the product
	'database.damaged',
	'source.missing',
	'source.unreadable',
	'source.changed', // changed while it was being read
	'source.vanished', // was there when the folder was listed, was gone when it was opened
	'source.skipped', // sockets and the like, skipped by nature
	'source.metadata', // content is safe, some metadata could not be read
	'source.unreachable', // the hypervisor host does not answer
	'source.refused', // the hypervisor host answers, and says no
	'source.database', // a database that no writer of the job holds still: included or left out, as the message says
	'source.unsupported', // not a kind of disk or folder that can be read
	'snapshot.failed', // a snapshot could not be made or read
	'snapshot.timeout', // a step of it took longer than it may
	'snapshot.unsupported', // no provider can do what was asked for
	'snapshot.writer', // an application could not be made consistent
	'repository.unreachable',
	'repository.not-writable',
	'repository.full', // no room left, or less than the reserve
	'repository.io', // could not read or write: not the same as damaged
	'repository.damaged', // read, and wrong
	'repository.foreign', // not a file of ours, or of another chain
	'repository.locked', // encrypted, and its key is not known here
	'repository.newer-format', // written by a newer version of the product
	'repository.duplicate', // lists a chain that another file of the repository lists, too
	'restore.target', // the target cannot be written
	'restore.metadata', // content is back, some metadata could not be set
	'infra.no-proxy', // no machine can read the source and reach the target
	'infra.no-gateway', // no machine can write to the share
	'connection.lost',
	'connection.refused',
	'session.interrupted', // the engine ended while it ran
	'cancelled',
	'internal', // a defect of ours
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** How an error crosses every border: command line, IPC, WebSocket, database. */
export type ErrorShape = {
	readonly code: ErrorCode;
	/** What failed, on which object; one sentence for an administrator. */
	readonly message: string;
	/** What to do about it. */
	readonly hint?: string | undefined;
	/** Machine-readable detail, e.g. `{ field: 'schedule' }`. */
	readonly data?: Readonly<Record<string, unknown>> | undefined;
};
