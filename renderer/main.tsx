import '@mantine/core/styles.css';
import '@mantine/charts/styles.css';
import '@mantine/dates/styles.css';
import '@mantine/notifications/styles.css';
import '@mantine/spotlight/styles.css';
import './app/theme.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Frame } from './app/frame.tsx';
import { SignIn } from './app/sign-in.tsx';
import { theme, variables } from './app/theme.ts';
import { createClient, createQueryClient, signInFromAddress, TRPCProvider, useConnection } from './client.ts';

await signInFromAddress();
const queryClient = createQueryClient();
const trpcClient = createClient();

function Console(): ReactNode {
	const mustSignIn = useConnection(({ state }) => state === 'sign-in');
	return mustSignIn ? <SignIn /> : <Frame />;
}

const root = document.getElementById('root');
if (!root) throw new Error('Defect: the page has no root.');
createRoot(root).render(
	<StrictMode>
		<MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
			<QueryClientProvider client={queryClient}>
				<TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
					<Notifications position="bottom-right" autoClose={6000} />
					<Console />
				</TRPCProvider>
			</QueryClientProvider>
		</MantineProvider>
	</StrictMode>,
);
