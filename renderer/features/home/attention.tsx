import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { AttentionItem } from '../../../engine/contract/index.ts';
import { navigate } from '../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../client.ts';
import { notifyFailure, plural, Section, StatusIcon, TimeAgo } from '../../ui/index.ts';
import { watchSession } from '../jobs/use-job-actions.ts';
import classes from './attention.module.css';

const atFirst = 5;

export function Attention({ items }: { readonly items: readonly AttentionItem[] }): ReactNode {
	const [isOpen, setOpen] = useState(false);
	if (items.length === 0) return null;
	const shown = isOpen ? items : items.slice(0, atFirst);
	return (
		<Section title="Needs you now">
			<ul className={classes.list}>
				{shown.map((item) => (
					<Item key={item.id} item={item} />
				))}
			</ul>
			{items.length > atFirst && (
				<Button variant="subtle" size="compact-xs" mt={6} onClick={() => setOpen(!isOpen)}>
					{isOpen ? 'Show fewer' : `Show ${plural(items.length - atFirst, 'more', 'more')}`}
				</Button>
			)}
		</Section>
	);
}

function Item({ item }: { readonly item: AttentionItem }): ReactNode {
	const { mend, isBusy } = useMending(item);
	return (
		<li className={classes.item}>
			<StatusIcon status={item.severity === 'error' ? 'failed' : 'warning'} size={17} />
			<div className={classes.text}>
				<div className={classes.title}>
					{item.title}{' '}
					<span className={classes.when}>
						<TimeAgo at={item.at} />
					</span>
				</div>
				<div className={classes.detail} title={item.detail}>
					{item.detail}
				</div>
			</div>
			<Button variant="default" size="compact-sm" loading={isBusy} onClick={mend} aria-label={`${item.action.label}: ${item.title}`}>
				{item.action.label}
			</Button>
		</li>
	);
}

/** What the button does: it either acts at once and shows the session, or opens the place where one can act. */
function useMending({ title, action: { kind, targetId } }: AttentionItem): { mend: () => void; isBusy: boolean } {
	const trpc = useTRPC();
	const onError = (error: unknown): void => notifyFailure(title, errorShapeOf(error));
	const onSuccess = watchSession;
	const run = useMutation(trpc.jobs.run.mutationOptions({ onError, onSuccess }));
	const retry = useMutation(trpc.sessions.retry.mutationOptions({ onError, onSuccess }));
	const check = useMutation(trpc.chains.check.mutationOptions({ onError, onSuccess }));
	const repair = useMutation(trpc.chains.repair.mutationOptions({ onError, onSuccess }));
	const verify = useMutation(trpc.points.verify.mutationOptions({ onError, onSuccess }));
	const enable = useMutation(trpc.jobs.setEnabled.mutationOptions({ onError }));
	const mends: Record<typeof kind, () => void> = {
		'run-job': () => run.mutate({ id: targetId }),
		'retry-session': () => retry.mutate({ id: targetId }),
		'repair-chain': () => repair.mutate({ id: targetId }),
		'check-chain': () => check.mutate({ id: targetId }),
		'verify-point': () => verify.mutate({ point: targetId }),
		'enable-job': () => enable.mutate({ ids: [targetId], enabled: true }),
		'open-session': () => navigate(`/sessions/${encodeURIComponent(targetId)}`),
		'open-job': () => navigate(`/jobs/${encodeURIComponent(targetId)}`),
		'open-key': () => navigate(`/settings?confirm=${encodeURIComponent(targetId)}`),
		'open-repository': () => navigate(`/repositories/${encodeURIComponent(targetId)}`),
		'create-job': () => navigate('/jobs/new'),
	};
	return { mend: mends[kind], isBusy: [run, retry, check, repair, verify, enable].some(({ isPending }) => isPending) };
}
