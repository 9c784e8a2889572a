//! What is remembered, and the only room with SQL and Parquet.
//!
//! Every write goes through one writer that commits in groups; what it has answered is durable. Readers have
//! connections of their own. Decisions are made inside the writer's transaction by `proofback_domain`.

mod error;
pub mod facts;
mod model;
mod page;
mod priority;
mod spill;
mod sqlite;

pub use error::{OpenError, StoreError};
pub use model::{
    AttemptRecord, AttemptRow, AuditRow, Backlog, Balance, ClaimedDelivery, CloseRefusal, Closing,
    DeliveryRow, EarlierDecision, EntryRow, LedgerHead, LedgerReport, Movement, PeriodClose, Phases,
    PostbackRow, RawPostback, Recorded, Replayed, Seal, Statement, StatementLine, Stopwatch, StoredProgram,
    TargetHealth, Trace, TraceItem, hex,
};
pub use page::{
    ConversionFilter, Cursor, DeliveryFilter, EntryFilter, Page, PageRequest, PostbackFilter, ReviewFilter,
};
pub use priority::when_idle;
pub use sqlite::{
    Accepted, Answered, Counted, Decided, Decisions, Doer, DueReport, Edit, FactsAtRest, FactsReport,
    FactsView, Forgotten, Found, GoesTo, Holder, Idempotency, ImportKey, ImportLine, Kept, Lines, Login,
    Looked, MissingLine, NewInvitation, NewPerson, NewRate, NewSession, NewSettlement, NewToken, Open,
    OpenSession, Opening, Options, OursAsked, Outbox, Outdated, Overview, OwnSession, Owner, PersonChange,
    PersonRefusal, PersonRow, Pieces, Place, Proof, RateRow, RatesImported, Reviewed, Revision, Rules,
    SaveRefusal, SavedReport, SealStep, Sealed, SessionRow, Settled, SettlementLine, SettlementRow,
    ShowSettlement, StatementQuery, Store, Subject, TokenRow,
};
