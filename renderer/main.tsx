import '@mantine/core/styles.css';
import '@mantine/charts/styles.css';
import '@mantine/dates/styles.css';
import '@mantine/notifications/styles.css';
import '@mantine/spotlight/styles.css';
import './app/theme.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Frame } from './app/frame.tsx';
import { SignIn } from './app/sign-in.tsx';
import { theme, variables } from './app/theme.ts';
import { beginSession, createClient, createQueryClient, TRPCProvider, useConnection } from './client.ts';

// After an update the server has other files than this page knows: the page begins anew, once, at the place where it is.
window.addEventListener('vite:preloadError', (event) => {
	const last = Number(sessionStorage.getItem('reloadedAt') ?? 0);
	if (Date.now() - last < 10_000) return;
	sessionStorage.setItem('reloadedAt', String(Date.now()));
	event.preventDefault();
	location.reload();
});

await beginSession();

/** Connects when it is first drawn, which is not before the server would let it in. */
function Connected(): ReactNode {
	const [queryClient] = useState(createQueryClient);
	const [trpcClient] = useState(createClient);
	return (
		<QueryClientProvider client={queryClient}>
			<TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
				<Frame />
			</TRPCProvider>
		</QueryClientProvider>
	);
}

function Console(): ReactNode {
	const mustSignIn = useConnection(({ state }) => state === 'sign-in');
	return mustSignIn ? <SignIn /> : <Connected />;
}

const root = document.getElementById('root');
if (!root) throw new Error('Defect: the page has no root.');
createRoot(root).render(
	<StrictMode>
		<MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
			<Notifications position="bottom-right" autoClose={6000} />
			<Console />
		</MantineProvider>
	</StrictMode>,
);
