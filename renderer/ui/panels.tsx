import { Button, CopyButton } from '@mantine/core';
import { IconAlertCircle, IconCheck, IconCopy, IconRefresh } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './panels.module.css';

/** An expected failure as the contract carries it; the shape is named here so that this folder stays free of the contract. */
export type Failure = {
	readonly code: string;
	readonly message: string;
	readonly hint?: string | undefined;
	readonly data?: Readonly<Record<string, unknown>> | undefined;
};

/** What support would ask for, onto the clipboard. */
export function CopyDetails({ failure }: { readonly failure: Failure }): ReactNode {
	const details = JSON.stringify({ ...failure, at: new Date().toISOString(), place: location.hash }, null, 2);
	return (
		<CopyButton value={details}>
			{({ copied, copy }) => (
				<Button size="compact-xs" variant="subtle" color="gray" onClick={copy} leftSection={copied ? <IconCheck size={13} /> : <IconCopy size={13} />}>
					{copied ? 'Copied' : 'Copy details'}
				</Button>
			)}
		</CopyButton>
	);
}

/** Message, what to do, code, and everything that support would ask for on the clipboard. */
export function ErrorPanel({
	failure,
	title,
	onRetry,
	children,
}: {
	readonly failure: Failure;
	readonly title?: string;
	readonly onRetry?: () => void;
	readonly children?: ReactNode;
}): ReactNode {
	return (
		<div className={classes.error} role="alert">
			<IconAlertCircle className={classes.errorIcon} size={18} aria-hidden />
			<div className={classes.errorBody}>
				{title && <div className={classes.errorTitle}>{title}</div>}
				<div className={title ? undefined : classes.errorTitle}>{failure.message}</div>
				{failure.hint && <div className={classes.hint}>{failure.hint}</div>}
				<div className={classes.errorFoot}>
					<code>{failure.code}</code>
					<CopyDetails failure={failure} />
					{onRetry && (
						<Button size="compact-xs" variant="subtle" color="gray" onClick={onRetry} leftSection={<IconRefresh size={13} />}>
							Try again
						</Button>
					)}
					{children}
				</div>
			</div>
		</div>
	);
}

/** Teaches: what this is, why it is empty, one button. */
export function EmptyState({
	title,
	children,
	action,
	icon,
}: {
	readonly title: string;
	readonly children?: ReactNode;
	readonly action?: ReactNode;
	readonly icon?: ReactNode;
}): ReactNode {
	return (
		<div className={classes.empty}>
			{icon && <div className={classes.emptyIcon}>{icon}</div>}
			<div className={classes.emptyTitle}>{title}</div>
			{children && <div className={classes.emptyText}>{children}</div>}
			{action && <div className={classes.emptyAction}>{action}</div>}
		</div>
	);
}

/** Title, what is known at a glance, and the page's actions, on one line. `back` is a link to the list that it came from. */
export function PageHeader({
	title,
	detail,
	back,
	children,
}: {
	readonly title: ReactNode;
	readonly detail?: ReactNode;
	readonly back?: { readonly title: string; readonly href: string };
	readonly children?: ReactNode;
}): ReactNode {
	return (
		<header className={classes.header}>
			<div className={classes.headings}>
				{back && (
					<a className={classes.back} href={back.href}>
						{back.title}
						<span aria-hidden> /</span>
					</a>
				)}
				<h1 className={classes.title}>{title}</h1>
				{detail && <div className={classes.detail}>{detail}</div>}
			</div>
			<div className={classes.actions}>{children}</div>
		</header>
	);
}

/** A titled part of a page or of a details pane; lines, not cards. */
export function Section({ title, aside, children }: { readonly title: string; readonly aside?: ReactNode; readonly children: ReactNode }): ReactNode {
	return (
		<section className={classes.section} aria-label={title}>
			<div className={classes.sectionHead}>
				<h2>{title}</h2>
				{aside && <div className={classes.sectionAside}>{aside}</div>}
			</div>
			{children}
		</section>
	);
}

/** Label and value pairs: `<Facts rows={[['Repository', name]]} />`; a row whose value is null is left out. */
export function Facts({ rows }: { readonly rows: readonly (readonly [label: string, value: ReactNode])[] }): ReactNode {
	return (
		<dl className={classes.facts}>
			{rows.map(([label, value]) =>
				value == null ? null : (
					<div key={label}>
						<dt>{label}</dt>
						<dd>{value}</dd>
					</div>
				),
			)}
		</dl>
	);
}
