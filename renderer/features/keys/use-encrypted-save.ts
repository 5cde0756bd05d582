import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTRPC } from '../../client.ts';
import { chosenKeyId, type EncryptionChoice } from './encryption-choice.ts';

/** To be shown to the user once, and then forgotten. */
export type MadeKey = { readonly keyId: string; readonly recoveryKey: string };

/** Saves settings with the encryption that was chosen. A key that was made for settings that are then refused is not left behind. */
export function useEncryptedSave() {
	const trpc = useTRPC();
	const queryClient = useQueryClient();
	const create = useMutation(trpc.keys.create.mutationOptions({ gcTime: 0 }));
	const remove = useMutation(trpc.keys.remove.mutationOptions());
	const saveEncrypted = async <Saved>(
		choice: EncryptionChoice,
		save: (encryptionKeyId: string | null) => Promise<Saved>,
	): Promise<{ readonly saved: Saved; readonly made: MadeKey | null }> => {
		if (choice.mode !== 'new') return { saved: await save(chosenKeyId(choice)), made: null };
		const made = await create.mutateAsync({ password: choice.password });
		create.reset();
		try {
			return { saved: await save(made.keyId), made };
		} catch (error) {
			await remove.mutateAsync({ keyId: made.keyId }).catch(() => undefined); // it opens nothing
			throw error;
		} finally {
			void queryClient.invalidateQueries(trpc.keys.pathFilter());
		}
	};
	return { saveEncrypted, isMakingKey: create.isPending };
}
