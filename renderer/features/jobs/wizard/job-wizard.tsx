import { Button } from '@mantine/core';
import { IconArrowLeft, IconArrowRight, IconCheck } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import type { DraftProblems, JobSummary } from '../../../../engine/contract/index.ts';
import { Loaded } from '../../../app/loaded.tsx';
import type { PageProps } from '../../../app/pages.tsx';
import { navigate, useLeaveGuard, usePlace, useQueryParam } from '../../../app/router.tsx';
import { errorShapeOf, useTRPC } from '../../../client.ts';

import { ConfirmDialog, ErrorPanel, type Failure, notifyDone, notifyFailure, PageHeader, plural } from '../../../ui/index.ts';
import { aNewKey, choiceErrors, choiceOf, chosenKeyId, type EncryptionChoice, type MadeKey, RecoveryKeyDialog, useEncryptedSave } from '../../keys/index.ts';

import { useJobActions } from '../use-job-actions.ts';
import { type Change, copyOf, type Draft, emptyDraft, errorsOf, type StepId, sourcesOf, splitDraft, stepIds, stepOf } from './draft.ts';
import { jobFromChains } from './from-chains.ts';
import { StaleDialog } from './stale-dialog.tsx';
import { StepChain } from './step-chain.tsx';
import { StepConsistency } from './step-consistency.tsx';
import { StepList } from './step-list.tsx';
import { StepName } from './step-name.tsx';
import { StepSchedule } from './step-schedule.tsx';
import { StepSummary } from './step-summary.tsx';
import { StepWhat } from './step-what.tsx';
import { StepWhere } from './step-where.tsx';
import classes from './wizard.module.css';

export type StepProps = {
	readonly draft: Draft;
	readonly change: Change;
	/** By field, as the engine names them; only those of steps that were left already. */
	readonly errors: Readonly<Record<string, string>>;
	readonly warnings: Readonly<Record<string, string>>;
	readonly problems: DraftProblems | null;
	readonly jobId: string | null;
	/** Beside the draft: a password is no setting. */
	readonly encryption: EncryptionChoice;
	readonly changeEncryption: (choice: EncryptionChoice) => void;
	/** The key that chains of the job have by now; null for a new job too. */
	readonly savedKeyId: string | null;
};

/**
 * New (`/jobs/new?source=KIND:PATH&…` with sources), edit (`/jobs/ID/edit`), duplicate (`/jobs/new?copy=ID`) and going on with what another job left (`/jobs/new?from=JOB&repository=ID`) are one page;
 * what it begins with is fetched first.
 */
export function JobWizard({ params }: PageProps): ReactNode {
	const trpc = useTRPC();
	const [copied] = useQueryParam('copy');
	const id = params.id ?? copied;
	const [repositoryId] = useQueryParam('repository');
	const [from] = useQueryParam('from');
	const { query } = usePlace();
	// Not kept up to date on purpose: what somebody is typing into must not change under the hands.
	const job = useQuery(trpc.jobs.get.queryOptions({ id: id ?? '' }, { enabled: id !== null, staleTime: Number.POSITIVE_INFINITY, gcTime: 0 }));
	const repositories = useQuery(trpc.repositories.list.queryOptions());
	const chains = useQuery(
		trpc.chains.list.queryOptions(repositoryId === null ? {} : { repositoryId }, { enabled: from !== null, staleTime: Number.POSITIVE_INFINITY, gcTime: 0 }),
	);
	if (from !== null) {
		return (
			<Loaded query={chains}>
				{(data) => {
					const made = jobFromChains(data, from);
					return <Wizard key={`from ${from}`} initial={made?.draft ?? emptyDraft} edited={null} chainIds={made?.chainIds ?? []} />;
				}}
			</Loaded>
		);
	}
	if (id === null) {
		const byDefault = repositories.data?.find(({ id: each, isDefault }) => (repositoryId === null ? isDefault : each === repositoryId));
		const initial = { ...emptyDraft, sources: sourcesOf(query.getAll('source')), repositoryId: byDefault?.id ?? '' };
		return repositories.isPending ? null : <Wizard key="new" initial={initial} edited={null} />;
	}
	return (
		<Loaded query={job}>
			{(data) =>
				params.id === undefined ? (
					<Wizard key={`copy ${data.id}`} initial={copyOf(data)} edited={null} />
				) : (
					<Wizard key={data.id} initial={data.settings} edited={data} />
				)
			}
		</Loaded>
	);
}

function Wizard({
	initial,
	edited,
	chainIds = [],
}: {
	readonly initial: Draft;
	readonly edited: JobSummary | null;
	/** Chains that a new job takes over. */
	readonly chainIds?: readonly string[];
}): ReactNode {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const { run } = useJobActions();
	const [draft, setDraft] = useState(initial);
	const [encryption, setEncryption] = useState(() => choiceOf(initial.encryptionKeyId));
	const [stored, setStored] = useState<{ readonly made: MadeKey; readonly job: JobSummary } | null>(null);
	const { saveEncrypted, isMakingKey } = useEncryptedSave();
	/** What there is nothing to lose of. */
	const [begun, setBegun] = useState(initial);
	const [base] = useState(edited);
	const [revision, setRevision] = useState(edited?.revision ?? 0);
	const [stepName, setStepName] = useQueryParam('step');
	const step = stepIds.find((each) => each === stepName) ?? 'name';
	const [problems, setProblems] = useState<DraftProblems | null>(null);
	const [visited, setVisited] = useState<ReadonlySet<StepId>>(new Set(edited ? stepIds : ['name']));
	const [isChecking, setChecking] = useState(false);
	const [failure, setFailure] = useState<Failure | null>(null);
	const [newer, setNewer] = useState<JobSummary | null>(null);
	const [runNow, setRunNow] = useState(false);
	const leaving = useLeaveGuard(draft !== begun && JSON.stringify(draft) !== JSON.stringify(begun));
	const form = useRef<HTMLFormElement>(null);
	const create = useMutation(trpc.jobs.create.mutationOptions());
	const update = useMutation(trpc.jobs.update.mutationOptions());
	const map = useMutation(trpc.jobs.map.mutationOptions());
	const repositories = useQuery(trpc.repositories.list.queryOptions());

	// biome-ignore lint/correctness/useExhaustiveDependencies: a new step puts the focus into its first field
	useEffect(() => {
		form.current
			?.querySelector<HTMLElement>(
				'[data-autofocus], [data-step-content] input, [data-step-content] [role="radio"][aria-checked="true"], [data-step-content] [tabindex="0"]',
			)
			?.focus({ preventScroll: true });
	}, [step]);

	const change: Change = (changes) => {
		setDraft((old) => ({ ...old, ...changes }));
		// A field that is being mended is no longer wrong; the engine has its say again when the step is left.
		setProblems(
			(old) => old && { ...old, errors: Object.fromEntries(Object.entries(old.errors).filter(([field]) => !((field.split('.')[0] as string) in changes))) },
		);
	};

	const changeEncryption = (choice: EncryptionChoice): void => {
		setEncryption(choice);
		change({ encryptionKeyId: chosenKeyId(choice) });
	};

	const check = async (): Promise<DraftProblems | null> => {
		setChecking(true);
		setFailure(null);
		try {
			const { wellFormed, errors } = splitDraft(draft);
			const answer = await queryClient.fetchQuery(trpc.jobs.check.queryOptions({ ...wellFormed, ...(base && { id: base.id }) }, { staleTime: 0, gcTime: 0 }));
			const found: DraftProblems = { errors: { ...answer.errors, ...errors, ...choiceErrors(encryption) }, warnings: answer.warnings };
			setProblems(found);
			return found;
		} catch (error) {
			setFailure(errorShapeOf(error));
			return null;
		} finally {
			setChecking(false);
		}
	};

	/** Back is always allowed; forward only over steps in which the engine finds nothing wrong. */
	const goTo = async (wanted: StepId): Promise<void> => {
		const found = await check();
		const from = stepIds.indexOf(step);
		const to = stepIds.indexOf(wanted);
		const blocking = found && to > from ? stepIds.slice(from, to).find((each) => errorsOf(found, each).length > 0) : undefined;
		if (to > from && !found) return;
		const target = blocking ?? wanted;
		setVisited((old) => new Set([...old, ...stepIds.slice(0, stepIds.indexOf(target) + 1)]));
		setStepName(target);
	};

	const save = async (savedRevision: number): Promise<void> => {
		const found = await check();
		if (!found) return;
		const wrong = Object.keys(found.errors)[0];
		if (wrong !== undefined) return setStepName(stepOf(wrong));
		try {
			const { saved, made } = await saveEncrypted(encryption, (encryptionKeyId) => {
				const settings = { ...draft, encryptionKeyId };
				return base ? update.mutateAsync({ id: base.id, revision: savedRevision, settings }) : create.mutateAsync(settings);
			});
			await queryClient.invalidateQueries(trpc.jobs.pathFilter());
			notifyDone(base ? `${saved.settings.name} was saved` : `${saved.settings.name} was created`);
			await takeOver(saved);
			if (runNow) run([{ id: saved.id, name: saved.settings.name }]);
			if (made) setStored({ made, job: saved });
			else leave(saved);
		} catch (error) {
			const shape = errorShapeOf(error);
			const current = shape.data?.current as JobSummary | undefined;
			if (shape.code === 'stale.revision' && current) setNewer(current);
			else {
				setFailure(shape);
				const field = shape.data?.field;
				if (typeof field === 'string') setProblems({ errors: { [field]: shape.message }, warnings: found.warnings });
			}
		}
	};

	const leave = ({ id }: JobSummary): void => {
		leaving.release();
		navigate(`/jobs/${encodeURIComponent(id)}`, { replace: true });
	};

	/** Before the first run, which would begin chains of its own. The job is there whatever comes of it. */
	const takeOver = async ({ id, settings }: JobSummary): Promise<void> => {
		for (const chainId of chainIds) {
			try {
				await map.mutateAsync({ id, chainId });
			} catch (error) {
				notifyFailure(`${settings.name} does not go on with the chain ${chainId}`, errorShapeOf(error));
			}
		}
		if (chainIds.length > 0) for (const filter of [trpc.chains.pathFilter(), trpc.points.pathFilter()]) void queryClient.invalidateQueries(filter);
	};

	const nameOfRepository = (id: string): string => repositories.data?.find((each) => each.id === id)?.settings.name ?? '';
	const position = stepIds.indexOf(step);
	const isLast = position === stepIds.length - 1;
	const next = stepIds[position + 1];
	const isSaving = isMakingKey || create.isPending || update.isPending || map.isPending;
	const submit = (event: FormEvent): void => {
		event.preventDefault();
		if (isChecking || isSaving || stored) return;
		void (isLast ? save(revision) : next && goTo(next));
	};
	const props: StepProps = {
		draft,
		change,
		errors: problems?.errors ?? {},
		warnings: problems?.warnings ?? {},
		problems,
		jobId: base?.id ?? null,
		encryption,
		changeEncryption,
		savedKeyId: base?.settings.encryptionKeyId ?? null,
	};

	return (
		<>
			<form ref={form} className={classes.wizard} onSubmit={submit} noValidate>
				<PageHeader
					title={base ? `Edit ${base.settings.name}` : 'New job'}
					detail={chainIds.length > 0 ? `goes on with ${plural(chainIds.length, 'chain')} of ${initial.name}` : ''}
					back={{ title: 'Jobs', href: base ? `#/jobs/${encodeURIComponent(base.id)}` : '#/jobs' }}
				/>
				<div className={classes.middle}>
					<StepList
						current={step}
						visited={visited}
						problems={problems}
						draft={draft}
						repositoryName={nameOfRepository(draft.repositoryId)}
						onStep={(wanted) => void goTo(wanted)}
					/>
					<div className={classes.content} data-step-content data-fill={step === 'what' || undefined}>
						{step === 'name' && <StepName {...props} />}
						{step === 'what' && <StepWhat {...props} />}
						{step === 'where' && <StepWhere {...props} />}
						{step === 'chain' && <StepChain {...props} />}
						{step === 'consistency' && <StepConsistency {...props} />}
						{step === 'schedule' && <StepSchedule {...props} />}
						{step === 'summary' && (
							<StepSummary {...props} editedName={base?.settings.name ?? null} runNow={runNow} onRunNow={setRunNow} onStep={(wanted) => void goTo(wanted)} />
						)}
					</div>
				</div>
				{failure && (
					<div className={classes.failure}>
						<ErrorPanel failure={failure} />
					</div>
				)}
				<footer className={classes.foot}>
					<Button variant="subtle" color="gray" onClick={() => navigate(base ? `/jobs/${encodeURIComponent(base.id)}` : '/jobs')}>
						Cancel
					</Button>
					<span className={classes.grow} />
					{position > 0 && (
						<Button variant="default" leftSection={<IconArrowLeft size={15} />} onClick={() => void goTo(stepIds[position - 1] ?? 'name')}>
							Back
						</Button>
					)}
					{base && !isLast && (
						<Button variant="default" onClick={() => void save(revision)} loading={isSaving}>
							Save
						</Button>
					)}
					<Button type="submit" loading={isChecking || isSaving} rightSection={isLast ? <IconCheck size={15} /> : <IconArrowRight size={15} />}>
						{isLast ? (base ? 'Save' : 'Create the job') : 'Next'}
					</Button>
				</footer>
				{stored && <RecoveryKeyDialog made={stored.made} of={`the job “${stored.job.settings.name}”`} onDone={() => leave(stored.job)} />}
				{newer && (
					<StaleDialog
						mine={encryption.mode === 'new' ? { ...draft, encryptionKeyId: aNewKey } : draft}
						current={newer}
						repositoryName={(id) => nameOfRepository(id) || id}
						isBusy={isSaving}
						onKeepMine={() => {
							setRevision(newer.revision);
							setNewer(null);
							void save(newer.revision);
						}}
						onTakeTheirs={() => {
							setRevision(newer.revision);
							setDraft(newer.settings);
							setEncryption(choiceOf(newer.settings.encryptionKeyId));
							setBegun(newer.settings);
							setNewer(null);
						}}
						onClose={() => setNewer(null)}
					/>
				)}
			</form>
			{/* Beside the form: what is sent off in a dialog must not send off the form around it. */}
			<ConfirmDialog opened={leaving.to !== null} title="Leave without saving?" confirmLabel="Leave" onConfirm={leaving.release} onClose={leaving.stay}>
				{base ? `What you changed in ${base.settings.name} has not been saved.` : 'The job has not been created. What you entered is lost.'}
			</ConfirmDialog>
		</>
	);
}
