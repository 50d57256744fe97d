//! Changes of the protocol that a developer could make in good faith. The checker must find what each of them breaks.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The locks end before the transaction that closes the fence.
    FenceAfterLocks,
    /// The mark is written while writers go on.
    MarkBeforeLocks,
    /// The sequences are read while writers go on.
    SequencesBeforeLocks,
    /// The secrets are switched as soon as the target has everything.
    SecretsBeforeFence,
    /// The next version is written as a new one, regardless of the current one.
    SecretOverwritten,
    /// The way forward continues when the first database is fenced, without a check of the others.
    OneFenceIsEnough,
    /// `WasFenced` undoes whatever the cutover's undo answered.
    UndoThoughFenced,
    /// `Cutover` catches into the undo, without a check whether the fence is closed.
    CatchWithoutIsFenced,
    /// A failed `CancelCutover` catches into the undo.
    UndoWhereUnsure,
    /// The cutover's undo removes every fence, closed ones too.
    ClosedFenceRemoved,
    /// The cutover's undo reads the state of the fence, and does not rename its function.
    CancelOnlyReads,
    /// The sessions of a killed call are not ended; the server's timeout ends them.
    NoEndEarlierCall,
    /// Locks that do not end with their session, such as a flag in a table.
    LocksOutliveSession,
    /// A slot that a walsender still holds is left, and its drop is not retried.
    HeldSlotForgotten,
    /// The target's subscription is dropped before the secrets are switched, to save time.
    UnsubscribeBeforeFence,
    /// The cutover's undo leaves nothing behind: a call that has not prepared its fence yet prepares it afterwards.
    NoTombstone,
    /// A call that got the locks does not check whether another one closed the fence before: the target, whose apply that one ended, stops it too.
    NoLookBehindLocks,
    /// Two calls may claim the target at once: one that lost its locks sets the sequences nevertheless.
    NoClaimOnCopy,
    /// The way forward reads the slot of a source that an earlier call fenced.
    ForwardNeedsSlot,
    /// A call that claimed the target starts the apply again, without waiting for a late one that ended it and is about to close the fence.
    EnsureApplyUnheld,
    /// The target has the source's settings again, but its apply has not ended: a new worker reads values under these settings.
    ApplyOutlivesSettings,
    /// The apply ends only after the secrets are switched: the application logs in under the run's settings.
    EndApplyBehindSwitch,
}

impl Bug {
    pub const ALL: [Self; 20] = [
        Self::FenceAfterLocks,
        Self::MarkBeforeLocks,
        Self::SequencesBeforeLocks,
        Self::SecretsBeforeFence,
        Self::SecretOverwritten,
        Self::OneFenceIsEnough,
        Self::UndoThoughFenced,
        Self::CatchWithoutIsFenced,
        Self::UndoWhereUnsure,
        Self::ClosedFenceRemoved,
        Self::CancelOnlyReads,
        Self::LocksOutliveSession,
        Self::HeldSlotForgotten,
        Self::UnsubscribeBeforeFence,
        Self::NoTombstone,
        Self::NoClaimOnCopy,
        Self::ForwardNeedsSlot,
        Self::EnsureApplyUnheld,
        Self::ApplyOutlivesSettings,
        Self::EndApplyBehindSwitch,
    ];
}
