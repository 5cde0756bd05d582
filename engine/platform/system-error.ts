import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

export type SystemCall = { readonly syscall: string; readonly path?: Uint8Array | undefined };

/** An error as Node's own `fs` would throw it for this errno (as the C library counts them: positive). */
export function systemError(errno: number, { syscall, path }: SystemCall): NodeJS.ErrnoException {
	// libuv does not know every number; the rest have a name but no words
	const [code, words] = getSystemErrorMap().get(-errno) ?? [codesByErrno.get(errno) ?? `E${errno}`, 'system error'];
	const text = path === undefined ? undefined : Buffer.from(path).toString('utf8');
	const error: NodeJS.ErrnoException = new Error(`${code}: ${words}, ${syscall}${text === undefined ? '' : ` '${text}'`}`);
	error.errno = -errno;
	error.code = code;
	error.syscall = syscall;
	if (text !== undefined) error.path = text;
	return error;
}

const codesByErrno = new Map(Object.entries(constants.errno).map(([code, errno]) => [errno, code]));

export const unsupported = (call: SystemCall): NodeJS.ErrnoException => systemError(constants.errno.ENOTSUP, call);
