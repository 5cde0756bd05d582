import { ActionIcon, Button, RingProgress, Tooltip, useMantineColorScheme } from '@mantine/core';
import { IconDeviceDesktop, IconMoon, IconPlugConnectedX, IconSearch, IconServer2, IconSun } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, Suspense, useEffect, useMemo } from 'react';
import { errorShapeOf, isDesktop, useConnection, useEngineEvents, useTRPC } from '../client.ts';
import { formatTime, plural } from '../ui/index.ts';
import { CommandPalette, openPalette } from './command-palette.tsx';
import classes from './frame.module.css';
import { PageBoundary } from './page-boundary.tsx';
import { pages, type SectionId, sections } from './pages.tsx';
import { Link, matchPattern, navigate, usePlace } from './router.tsx';

export function Frame(): ReactNode {
	useEngineEvents();
	useMenuCommands();
	const { path } = usePlace();
	const found = useMemo(() => {
		for (const page of pages) {
			const params = matchPattern(page.pattern, path);
			if (params) return { ...page, params };
		}
		return null;
	}, [path]);
	useEffect(() => {
		if (!found) navigate('/', { replace: true });
		document.title = `${sections.find(({ id }) => id === found?.section)?.title ?? 'Home'} – Holdfast`;
	}, [found]);

	return (
		<div className={classes.frame}>
			<button type="button" className={classes.skip} onClick={() => document.getElementById('content')?.focus()}>
				Skip to content
			</button>
			<Rail current={found?.section ?? 'home'} />
			<div className={classes.column}>
				<TopBar />
				<LostBanner />
				<main id="content" className={classes.content} tabIndex={-1}>
					{found && (
						<>
							{/* A page keeps its state while only its parameters change: the list stays where it was when details open. */}
							<PageBoundary key={pages.findIndex(({ Page }) => Page === found.Page)}>
								<Suspense fallback={null}>
									<found.Page params={found.params} />
								</Suspense>
							</PageBoundary>
						</>
					)}
				</main>
			</div>
			<CommandPalette />
		</div>
	);
}

function Rail({ current }: { readonly current: SectionId }): ReactNode {
	return (
		<nav className={classes.rail} aria-label="Sections">
			<div className={classes.brand} aria-hidden>
				<svg viewBox="0 0 32 32" width="24" height="24" role="presentation">
					<path d="M10 6v20M22 6v20M10 16h12" stroke="currentColor" strokeWidth="3.6" strokeLinecap="round" fill="none" />
				</svg>
			</div>
			{sections.map(({ id, title, path, Icon }) => (
				<Link
					key={id}
					to={path}
					className={classes.railItem ?? ''}
					aria-current={id === current ? 'page' : undefined}
					data-last={id === 'settings' || undefined}
				>
					<Icon size={20} stroke={1.6} aria-hidden />
					<span>{title}</span>
				</Link>
			))}
		</nav>
	);
}

function TopBar(): ReactNode {
	const trpc = useTRPC();
	const { state } = useConnection();
	const info = useQuery(trpc.system.info.queryOptions());
	const host = info.data?.hostName;
	return (
		<header className={classes.top}>
			<div className={classes.server} title={info.data ? `Holdfast ${info.data.version} on ${host}` : undefined}>
				{isDesktop() ? <IconDeviceDesktop size={16} stroke={1.6} aria-hidden /> : <IconServer2 size={16} stroke={1.6} aria-hidden />}
				<span>{isDesktop() ? 'This computer' : (host ?? 'Backup server')}</span>
				<span className={classes.connection} data-state={state}>
					{state === 'open' ? 'connected' : state === 'connecting' ? 'connecting' : 'not connected'}
				</span>
			</div>
			<button type="button" className={classes.search} onClick={openPalette}>
				<IconSearch size={15} aria-hidden />
				<span>Search or run a command</span>
				<kbd>{/Mac/.test(navigator.platform) ? '⌘' : 'Ctrl'} K</kbd>
			</button>
			<div className={classes.topRight}>
				<Running />
				<ThemeSwitch />
			</div>
		</header>
	);
}

/** How many sessions run, and how far they are together. */
function Running(): ReactNode {
	const trpc = useTRPC();
	const { data } = useQuery(trpc.sessions.list.queryOptions({ states: ['queued', 'running', 'cancelling'], limit: 100 }));
	const sessions = data?.sessions ?? [];
	if (sessions.length === 0) return null;
	const total = sessions.reduce((sum, { counters }) => sum + (counters.totalBytes ?? 0), 0);
	const done = sessions.reduce((sum, { counters }) => sum + (counters.totalBytes === null ? 0 : counters.doneBytes), 0);
	const percent = total > 0 ? Math.min(100, (done / total) * 100) : 0;
	const only = sessions.length === 1 ? sessions[0] : undefined;
	return (
		<Tooltip
			label={sessions
				.slice(0, 8)
				.map(({ title }) => title)
				.join(', ')}
		>
			<Link to={only ? `/sessions/${only.id}` : '/activity'} className={classes.running ?? ''}>
				<RingProgress size={22} thickness={3} sections={[{ value: percent, color: 'var(--hf-accent)' }]} rootColor="var(--hf-line)" aria-hidden />
				<span>
					{plural(data?.total ?? sessions.length, 'session')} running · {Math.floor(percent)} %
				</span>
			</Link>
		</Tooltip>
	);
}

function ThemeSwitch(): ReactNode {
	const { colorScheme, setColorScheme } = useMantineColorScheme();
	const next = ({ auto: 'light', light: 'dark', dark: 'auto' } as const)[colorScheme];
	const words = { auto: 'as the system', light: 'light', dark: 'dark' } as const;
	return (
		<Tooltip label={`Appearance: ${words[colorScheme]}. Click for ${words[next]}.`}>
			<ActionIcon variant="subtle" color="gray" size="md" onClick={() => setColorScheme(next)} aria-label={`Appearance: ${words[colorScheme]}`}>
				{colorScheme === 'light' ? <IconSun size={17} /> : colorScheme === 'dark' ? <IconMoon size={17} /> : <IconDeviceDesktop size={17} />}
			</ActionIcon>
		</Tooltip>
	);
}

/** The page stays as it was; the connection comes back by itself. */
function LostBanner(): ReactNode {
	const { state, lostAt } = useConnection();
	const trpc = useTRPC();
	const { error } = useQuery(trpc.system.info.queryOptions());
	if (state === 'open' && error)
		return (
			<div className={classes.banner} role="status">
				{errorShapeOf(error).message}
			</div>
		);
	if (state !== 'lost') return null;
	return (
		<div className={classes.banner} role="status">
			<IconPlugConnectedX size={16} aria-hidden />
			<span>The server does not answer{lostAt ? ` since ${formatTime(lostAt)}` : ''}. What you see may be old; the console reconnects by itself.</span>
			<Button size="compact-xs" variant="default" onClick={() => location.reload()}>
				Load again
			</Button>
		</div>
	);
}

/** The desktop's menus and tray speak in wishes; here they become places. */
function useMenuCommands(): void {
	useEffect(
		() =>
			window.holdfast?.onCommand((command) => {
				if (command === 'command-palette') openPalette();
				else navigate(({ 'new-job': '/jobs/new', jobs: '/jobs', sessions: '/activity', about: '/settings' } as const)[command]);
			}),
		[],
	);
}
