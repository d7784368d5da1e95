//! What is known about accounts' spending, read beforehand so that no answer waits for it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Guard;
use super::error::Error;
use crate::account::Balance;
use crate::amount::{Amount, Unit};
use crate::clock::{Clock, DAY, SystemClock, Timestamp};
use crate::entry::Entry;
use crate::forecast::{BurnProfile, BurnProfileError, BurnRate};
use crate::id::AccountId;
use crate::ledger::future::LedgerFuture;
use crate::ledger::reply::Statement;
use crate::ledger::request::StatementRequest;
use crate::ledger::{Ledger, LedgerExt};
use crate::limits::Limits;
use crate::refusal::Details;
use crate::runway::Runway;
use crate::spending::{Bin, Spending, SpendingError, TopUses};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// What is known about the spending of accounts: how fast, and on what. A refusal that is to say so asks
/// [`known`](Self::known), which answers at once and never reads anything; what is to be known is read by
/// [`refresh`](Self::refresh), in the background or after the answer was sent. A client may be refused many times in a
/// row: refresh where nothing is known or the [age](Insight::age) says that it is time, not after every answer.
///
/// Bounded: so many accounts, a refresh of so many pages each, the last 31 days. Clones share what is known.
///
/// ```
/// use billing_guard::{AccountId, Details, Guard, Insights, Job, Tariff, Unit, wait};
///
/// let usd = Unit::new("USD", 2)?;
/// let guard = Guard::in_memory(usd).price("query", Tariff::new().fixed("0.10")?).build()?;
/// let insights = Insights::new(&guard).by_label("user")?;
/// let account = AccountId::new("acct_1")?;
///
/// // While the request is served: what is known, if anything is.
/// if let Err(error) = wait(guard.hold(&account, Job::new("query"))) {
///     let mut details = Details::new();
///     if let Some(insight) = insights.known(&account) {
///         details = insight.add_to(details, usd.zero());
///     }
///     let answer = guard.renderer().render_with(&error.refusal(), &details);
///     assert_eq!(answer.status(), 402);
/// }
/// // Afterwards: for the next time.
/// wait(insights.refresh(&account))?;
/// assert!(insights.known(&account).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Insights {
    ledger: Arc<dyn Ledger>,
    unit: Unit,
    label: Option<Arc<str>>,
    capacity: usize,
    max_age: Duration,
    clock: Arc<dyn Clock>,
    kept: Arc<Mutex<BTreeMap<AccountId, Kept>>>,
}

#[derive(Clone)]
struct Kept {
    known: Arc<Known>,
    read_at: Timestamp,
}

/// What was read of one account.
struct Known {
    as_of: Timestamp,
    books: Books,
    burn_rate: Option<BurnRate>,
    burn_profile: Result<BurnProfile, BurnProfileError>,
    top_uses: Option<TopUses>,
}

impl Insights {
    /// How many accounts are known by default.
    pub const DEFAULT_CAPACITY: usize = 1_000;
    /// How long something is known by default: an hour.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(3_600);
    /// Of how many days, the running one not counted.
    pub const DAYS: u32 = 30;
    /// How many pages of 1,000 entries are read in one go. A refresh reads at most three times as many and one more; of an
    /// account with more entries in a month less than the month is known.
    pub const PAGES: u32 = 8;

    /// Nothing yet, of accounts of that guard's ledger, in its unit.
    #[must_use]
    pub fn new(guard: &Guard) -> Self {
        Self {
            ledger: Arc::clone(guard.ledger()),
            unit: guard.unit(),
            label: None,
            capacity: Self::DEFAULT_CAPACITY,
            max_age: Self::DEFAULT_MAX_AGE,
            clock: Arc::new(SystemClock::new()),
            kept: Arc::default(),
        }
    }

    /// The same, with uses told apart by this label: only then the [top uses](Insight::top_uses) are known.
    ///
    /// # Errors
    /// [`SpendingError::Label`] if no label can have that name.
    pub fn by_label(mut self, name: &str) -> Result<Self, SpendingError> {
        Spending::new(self.unit, Bin::Day).by_label(name)?;
        self.label = Some(name.into());
        Ok(self)
    }

    /// The same for so many accounts, at least one: what would be known of one more takes the place of what was read
    /// first. An account needs some tens of kilobytes, one with thousands of uses up to about two megabytes.
    #[must_use]
    pub fn with_capacity(mut self, accounts: usize) -> Self {
        self.capacity = accounts.max(1);
        self
    }

    /// The same with what is older than this no longer told.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// The same with another clock, by which what is known ages.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What is known of an account, if anything is and it is not too old. At once: no I/O, no waiting for a refresh that is
    /// under way.
    #[must_use]
    pub fn known(&self, account: &AccountId) -> Option<Insight> {
        let Kept { known, read_at } = self.kept().get(account)?.clone();
        let age = self.clock.now().saturating_since(read_at);
        (age <= self.max_age).then_some(Insight { known, age })
    }

    /// Reads what there is to know of an account, from where it was read to before. Polling the future reads; one that is
    /// dropped leaves what was known before. Of several at a time the one that ends last counts.
    ///
    /// # Errors
    /// [`Error::WrongUnit`], and the 503s; also if its charges of a month do not fit into an amount.
    pub fn refresh(&self, account: &AccountId) -> LedgerFuture<Insight, Error> {
        let (insights, account) = (self.clone(), account.clone());
        LedgerFuture::boxed(async move {
            let read_at = insights.clock.now();
            let before = insights.kept().get(&account).map(|kept| kept.known.books.clone());
            let known = Arc::new(insights.read(&account, before).await?);
            insights.keep(account, Kept { known: Arc::clone(&known), read_at });
            let age = insights.clock.now().saturating_since(read_at);
            Ok(Insight { known, age })
        })
    }

    /// Forgets what is known of an account. A refresh under way will know it again.
    pub fn forget(&self, account: &AccountId) {
        self.kept().remove(account);
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<AccountId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, account: AccountId, new: Kept) {
        let mut kept = self.kept();
        kept.insert(account, new);
        while kept.len() > self.capacity {
            let oldest = kept.iter().min_by_key(|(_, one)| one.read_at).map(|(account, _)| account.clone());
            let Some(oldest) = oldest else { return };
            kept.remove(&oldest);
        }
    }

    async fn read(&self, account: &AccountId, before: Option<Books>) -> Result<Known, Error> {
        let balance: Balance = self.ledger.balance_of(account, self.unit).await?;
        let as_of = balance.as_of();
        let mut books = match before.filter(|books| !books.are_full()) {
            Some(books) => match self.read_on(account, books).await? {
                Some(books) => books,
                None => self.read_anew(account, as_of).await?,
            },
            None => self.read_anew(account, as_of).await?,
        };
        let since = since(&books, as_of);
        books.forget_before(since);
        Ok(Known {
            as_of,
            burn_rate: BurnRate::from_spending(&books.overall, as_of),
            burn_profile: BurnProfile::from_spending(&books.by_hour, as_of),
            top_uses: books.by_label.as_ref().and_then(|uses| uses.top_uses(since, TopUses::MAX)),
            books,
        })
    }

    /// Goes on where the last refresh ended. `None` if that is too long ago, or the pages do not go on from there.
    async fn read_on(&self, account: &AccountId, mut books: Books) -> Result<Option<Books>, Error> {
        for _ in 0..Self::PAGES {
            let page = self.ledger.statement(books.overall.next_request(account)).await?;
            match books.add(&page) {
                Ok(()) if page.next().is_none() => return Ok(Some(books)),
                Ok(()) => {}
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Looks from the latest entry back for where to begin, and reads from there.
    async fn read_anew(&self, account: &AccountId, as_of: Timestamp) -> Result<Books, Error> {
        let mut books = Books::new(self.unit, self.label.as_deref()).map_err(unreadable)?;
        let since = since(&books, as_of);
        if let Some(last) = self.last_before(account, since).await? {
            books.begin_after(&last);
        }
        // One page more than were looked through, for what came in meanwhile.
        for _ in 0..=Self::PAGES {
            let page = self.ledger.statement(books.overall.next_request(account)).await?;
            books.add(&page).map_err(unreadable)?;
            if page.next().is_none() {
                break;
            }
        }
        Ok(books)
    }

    /// An entry from before then, or the earliest that is looked at; `None` if there are no more than are looked at.
    async fn last_before(&self, account: &AccountId, since: Timestamp) -> Result<Option<Entry>, Error> {
        let mut request = StatementRequest::new(account.clone()).with_limit(Limits::MAX_PAGE);
        let mut earliest = None;
        for _ in 0..Self::PAGES {
            let page = self.ledger.statement(request.clone()).await?;
            let (Some(last), Some(next)) = (page.entries().last(), page.next()) else {
                return Ok(None);
            };
            earliest = Some(last.clone());
            if last.booked_at() < since {
                break;
            }
            request = request.with_after(next);
        }
        Ok(earliest)
    }
}

/// The beginning of the first day that is of interest.
fn since(books: &Books, as_of: Timestamp) -> Timestamp {
    let today = books.overall.day().start_of(as_of).as_micros();
    Timestamp::from_micros(today.saturating_sub(DAY.saturating_mul(i64::from(Insights::DAYS))))
}

impl fmt::Debug for Insights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Insights")
            .field("label", &self.label)
            .field("capacity", &self.capacity)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

/// The same charges by day, by hour, and by day and label. The first two never have more than their rows.
#[derive(Clone)]
struct Books {
    overall: Spending,
    by_hour: Spending,
    by_label: Option<Spending>,
}

impl Books {
    fn new(unit: Unit, label: Option<&str>) -> Result<Self, SpendingError> {
        let overall = Spending::new(unit, Bin::Day);
        let by_label = label.map(|label| Spending::new(unit, Bin::Day).by_label(label)).transpose()?;
        Ok(Self { overall, by_hour: Spending::new(unit, Bin::Hour), by_label })
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Spending> {
        [&mut self.overall, &mut self.by_hour].into_iter().chain(&mut self.by_label)
    }

    fn add(&mut self, page: &Statement) -> Result<(), SpendingError> {
        self.all().try_for_each(|spending| spending.add(page))
    }

    fn begin_after(&mut self, entry: &Entry) {
        self.all().for_each(|spending| spending.begin_after(entry));
    }

    fn forget_before(&mut self, since: Timestamp) {
        self.all().for_each(|spending| spending.forget_before(since));
    }

    /// Whether some uses can no longer be told apart.
    fn are_full(&self) -> bool {
        self.by_label.as_ref().is_some_and(Spending::is_full)
    }
}

fn unreadable(error: SpendingError) -> Error {
    match error {
        SpendingError::WrongUnit { expected, given } => Error::WrongUnit { expected, given },
        other => Error::Unavailable { detail: format!("the spending cannot be summed up: {other}") },
    }
}

/// What is known of an account's spending. See [`Insights`]. Cheap to clone.
#[derive(Clone)]
pub struct Insight {
    known: Arc<Known>,
    age: Duration,
}

impl Insight {
    /// How long ago the reading began.
    #[must_use]
    pub const fn age(&self) -> Duration {
        self.age
    }

    /// When this was so, on the ledger's clock.
    #[must_use]
    pub fn as_of(&self) -> Timestamp {
        self.known.as_of
    }

    /// How fast it spends; `None` if too little is known.
    #[must_use]
    pub fn burn_rate(&self) -> Option<BurnRate> {
        self.known.burn_rate
    }

    /// How fast it spends by hour of the day and day of the week.
    ///
    /// # Errors
    /// Why that is not known: [`BurnProfileError`], which says what it takes.
    pub fn burn_profile(&self) -> Result<&BurnProfile, BurnProfileError> {
        self.known.burn_profile.as_ref().map_err(|error| *error)
    }

    /// How long so much will last, by the [profile](Self::burn_profile), and where none is known by the
    /// [rate](Self::burn_rate); `None` if too little is known, or it is in another unit.
    #[must_use]
    pub fn runway(&self, available: Amount) -> Option<Runway> {
        match self.burn_profile() {
            Ok(profile) => profile.runway(available),
            Err(_) => self.burn_rate()?.runway(available),
        }
    }

    /// Where its credit went in the last [days](Insights::DAYS); `None` if no label was asked for or nothing was spent.
    /// Only for the account's owner.
    #[must_use]
    pub fn top_uses(&self) -> Option<&TopUses> {
        self.known.top_uses.as_ref()
    }

    /// What it spent in these days and the running one, by day, and by the label if one was asked for and its values are
    /// not too many to be told apart. Enough for a [`UsageDigest`](crate::UsageDigest) of a day or a week.
    #[must_use]
    pub fn spending(&self) -> &Spending {
        let books = &self.known.books;
        books.by_label.as_ref().filter(|_| !books.are_full()).unwrap_or(&books.overall)
    }

    /// The details with what is known: how long what is available now will last, and where the credit went. Who may read
    /// how much of it, the [`Disclosure`](crate::Disclosure) decides.
    #[must_use]
    pub fn add_to(&self, details: Details, available: Amount) -> Details {
        let details = match self.runway(available) {
            Some(runway) => details.with_runway(runway),
            None => details,
        };
        match self.top_uses() {
            Some(top_uses) => details.with_top_uses(top_uses.clone()),
            None => details,
        }
    }
}

impl fmt::Debug for Insight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Insight")
            .field("as_of", &self.as_of())
            .field("age", &self.age)
            .field("burn_rate", &self.burn_rate())
            .finish_non_exhaustive()
    }
}
