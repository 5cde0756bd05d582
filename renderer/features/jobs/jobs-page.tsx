import type { ReactNode } from 'react';
import type { PageProps } from '../../app/pages.tsx';
import { PageHeader } from '../../ui/index.ts';

export function JobsPage(_props: PageProps): ReactNode {
	return <PageHeader title="Jobs" />;
}
