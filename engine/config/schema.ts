/** The tables as Kysely sees them. JSON columns hold values of the contract, checked when they are read. */
import type { SessionKind, SessionState } from '../contract/index.ts';

/** `name_key`: the name without regard to case, in every alphabet. */
type EntityTable = { id: string; revision: number; name_key: string; created_at: number; settings: string };

export type Tables = {
	repositories: EntityTable;
	jobs: EntityTable;
	throttle_rules: EntityTable;
	machines: EntityTable;
	devices: EntityTable;
	hosts: EntityTable;
	machine_states: { machine_id: string; seen_at: number | null; status: string | null; problem: string | null };
	pairing_tokens: { id: string; secret_hash: string; expires_at: number; used_at: number | null };
	machine_authorities: { id: string; created_at: number; certificate: string; sealed_key: Uint8Array };
	sessions: {
		id: string;
		kind: SessionKind;
		job_id: string | null;
		title: string;
		/** Lower case, for searching in every alphabet. */
		title_folded: string;
		trigger: string;
		state: SessionState;
		queued_at: number;
		started_at: number | null;
		ended_at: number | null;
		attempt: number;
		counters: string;
		bottleneck: string | null;
		error: string | null;
		input: string;
		task_count: number;
		tasks: string;
		throughput: string;
		result: string | null;
	};
	session_log: { session_id: string; seq: number; at: number; severity: string; code: string | null; message: string; path: string | null };
	chains: { id: string; repository_id: string; record: string };
	catalogue_state: { repository_id: string; read_at: number; problems: string };
	verifications: { target: 'point' | 'chain'; target_id: string; session_id: string; at: number; damaged_count: number; unreadable_count: number };
	usage_samples: { repository_id: string; day_at: number; used_bytes: number };
	former_jobs: { id: string; name: string; removed_at: number };
	encryption_keys: { id: string; created_at: number; sealed_secret: Uint8Array; slots: string; recovery_confirmed_at: number | null };
	server_settings: { id: number; revision: number; settings: string };
	snapshot_journal: { id: string; entry: string };
	volume_settings: { volume_id: string; provider: string; max_snapshots: number };
	chain_health: { repository_id: string; chain_id: string; health: string };
	check_state: { repository_id: string; schedule: string; handled_at: number };
	schedule_state: { job_id: string; schedule: string; handled_at: number; retry: string | null };
};
