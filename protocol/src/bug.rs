//! Changes of the protocol that somebody could make in good faith. The checker has to find what each of them breaks.

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
    /// The next version is written as a new one, whatever the current one is.
    SecretOverwritten,
    /// Forward goes on where the first database is fenced, without a look at the others.
    OneFenceIsEnough,
    /// `WasFenced` undoes whatever the cutover's undo answered.
    UndoThoughFenced,
    /// `Cutover` catches into the undo, without asking whether the fence stands.
    CatchWithoutIsFenced,
    /// `CancelCutover` that fails catches into the undo.
    UndoWhereUnsure,
    /// The cutover's undo takes every fence off, closed ones too.
    ClosedFenceRemoved,
    /// The cutover's undo reads how the fence stands, and does not take its function away.
    CancelOnlyReads,
    /// Nobody ends what a killed call left behind: time does.
    NoEndEarlierCall,
    /// Locks that do not end with their session, such as a flag in a table.
    LocksOutliveSession,
    /// A slot that a walsender still holds is left, and nobody comes again.
    HeldSlotForgotten,
    /// The target's subscription is dropped before the secrets are switched, to save time.
    UnsubscribeBeforeFence,
    /// The cutover's undo leaves nothing behind: a call that has made no fence yet makes one afterwards.
    NoTombstone,
    /// A call that got the locks does not look whether another one closed the fence before it: the target, whose apply that one has ended, stops it too.
    NoLookBehindLocks,
    /// Two calls may have the target at once: one that lost its locks sets the sequences all the same.
    NoClaimOnCopy,
    /// Forward reads the slot of a source that was fenced by an earlier call.
    ForwardNeedsSlot,
    /// A call that got the target begins the apply again, without waiting for a late one that had ended it and is about to close the fence.
    EnsureApplyUnheld,
    /// The target's settings are the source's again, and its apply is not ended: a worker that begins anew reads values by these.
    ApplyOutlivesSettings,
    /// The apply ends when the secrets are switched already: the application logs in under the run's settings.
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
