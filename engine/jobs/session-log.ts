import type { LogEntry } from '../contract/index.ts';

/** What a session keeps in words; beyond it entries are counted by severity, so that a tree full of trouble stays readable. */
export const MAX_LOG_ENTRIES = 20_000;

export class SessionLog {
	#seq = 0;
	#pending: LogEntry[] = [];
	#dropped = { info: 0, warning: 0, error: 0 };

	add(at: number, entry: Omit<LogEntry, 'seq' | 'at'>): void {
		if (this.#seq >= MAX_LOG_ENTRIES) this.#dropped[entry.severity]++;
		else this.#push(at, entry);
	}

	/** The closing entries: how many were left out, then what must be there in any case. */
	close(at: number, last: Omit<LogEntry, 'seq' | 'at'>): void {
		const { info, warning, error } = this.#dropped;
		if (info + warning + error > 0) {
			const message = `The log is full: ${warning} more warnings, ${error} more errors and ${info} more notes were counted but not kept.`;
			this.#push(at, { severity: 'warning', code: null, message, path: null });
		}
		this.#push(at, last);
	}

	/** Entries since the last call. */
	take(): LogEntry[] {
		return this.#pending.splice(0);
	}

	#push(at: number, entry: Omit<LogEntry, 'seq' | 'at'>): void {
		this.#pending.push({ seq: ++this.#seq, at, ...entry });
	}
}
