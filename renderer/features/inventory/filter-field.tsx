import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useQueryParam } from '../../app/router.tsx';

/** What is typed stays in the address, where the table finds it. */
export function FilterField({ label, placeholder }: { readonly label: string; readonly placeholder: string }): ReactNode {
	const [filter, setFilter] = useQueryParam('filter');
	return (
		<TextInput
			aria-label={label}
			placeholder={placeholder}
			leftSection={<IconSearch size={14} />}
			value={filter ?? ''}
			onChange={(event) => setFilter(event.currentTarget.value)}
			w={220}
		/>
	);
}
