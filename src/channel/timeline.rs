//! What networks share that take no idempotency key: the account's own posts are the memory.
//!
//! From the second attempt on they are looked at before anything is posted, and what stands there is not posted again. A look that
//! did not see everything since the delivery was due proves nothing: the outcome stays unknown, and a person decides.
//!
//! A correction edits the post where the network can; else it answers it, with a link. A hold does the same. A kill deletes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{Failure, Gate, Parcel, Probe, Receipt, Reply, refused};
use crate::digest::Digest;
use crate::release::Notice;
use crate::render::{Asset, Post, Social};

/// How far the network's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// A post as it stands on the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What the network calls it.
    pub id: String,
    /// Its words, as they were written.
    pub text: String,
    /// Where people see it.
    pub url: Option<String>,
}

/// The account's posts since an instant, newest first.
#[derive(Debug, Default)]
pub struct Seen {
    /// Those that were shown.
    pub posts: Vec<Standing>,
    /// Whether there are no others.
    pub whole: bool,
}

/// What is to be posted.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// Its words.
    pub post: &'a Post,
    /// Its pictures, each by the name that [`Account::upload`] gave it.
    pub pictures: &'a [(&'a Asset, String)],
    /// The post that it answers.
    pub answers: Option<&'a str>,
}

/// An account of a network. Each call is one attempt at one thing.
#[async_trait]
pub trait Account: Send + Sync {
    /// Whether `id` can be a post's, and stand in an address.
    fn is_id(&self, id: &str) -> bool;

    /// Whether posts can be edited.
    fn edits(&self) -> bool {
        false
    }

    /// The account's posts since `since`, answers included.
    async fn newest(&self, since: Timestamp, now: Timestamp) -> Result<Seen, Failure>;

    /// A post, if it stands.
    async fn standing(&self, id: &str, now: Timestamp) -> Result<Option<Standing>, Failure>;

    /// Makes a picture ready. May be repeated: what no post shows, nobody finds.
    async fn upload(&self, asset: &Asset, parcel: &Parcel) -> Result<String, Failure>;

    /// Posts. What becomes of a lost answer is [`Failure::Unknown`].
    async fn create(&self, draft: Draft<'_>, parcel: &Parcel) -> Result<Standing, Failure>;

    /// Replaces the words of a post; nothing if it is gone. May be repeated.
    async fn edit(&self, id: &str, post: &Post, parcel: &Parcel) -> Result<Option<Standing>, Failure> {
        let _ = (id, post, parcel);
        Ok(None)
    }

    /// Deletes a post; one that is gone is gone. May be repeated.
    async fn delete(&self, id: &str, now: Timestamp) -> Result<(), Failure>;
}

/// Hands `parcel` to the account, once.
pub async fn deliver(account: &dyn Account, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
    let social = parcel.social()?;
    let ids = previous(account, parcel);
    match parcel.notice {
        Notice::Kill => withdraw(account, &ids, parcel, gate).await,
        Notice::Correction | Notice::Hold if account.edits() && !ids.is_empty() => {
            correct(account, social, &ids, parcel, gate).await
        }
        Notice::Original | Notice::Correction | Notice::Hold => {
            let there = there(account, social, parcel).await?;
            if there.iter().all(Option::is_some) {
                return Ok(beside(
                    account,
                    parcel,
                    receipt(&there.into_iter().flatten().collect::<Vec<_>>()),
                ));
            }
            gate.begin().await?;
            let posted = post(account, social, there, ids.first().map(String::as_str), parcel, gate).await?;
            Ok(beside(account, parcel, posted))
        }
    }
}

/// What is answered goes on standing beside the answer, so a kill has to take away both.
fn beside(account: &dyn Account, parcel: &Parcel, receipt: Receipt) -> Receipt {
    if account.edits() || parcel.notice == Notice::Original { receipt } else { parcel.beside(receipt) }
}

/// Looks whether an earlier attempt at `parcel` arrived.
pub async fn probe(account: &dyn Account, parcel: &Parcel) -> Probe {
    look(account, parcel).await.unwrap_or(Probe::CannotTell)
}

async fn look(account: &dyn Account, parcel: &Parcel) -> Result<Probe, Failure> {
    let social = parcel.social()?;
    let ids = previous(account, parcel);
    if parcel.notice == Notice::Kill {
        for id in &ids {
            if account.standing(id, parcel.now).await?.is_some() {
                // Deleting again is safe.
                return Ok(Probe::Absent);
            }
        }
        return Ok(if ids.is_empty() { Probe::CannotTell } else { Probe::Arrived(gone(&ids)) });
    }
    if parcel.notice != Notice::Original && account.edits() && !ids.is_empty() {
        for (id, post) in ids.iter().zip(&social.posts) {
            match account.standing(id, parcel.now).await? {
                Some(standing) if same(&standing.text, &post.text) => {
                    return Ok(Probe::Arrived(receipt(&[standing])));
                }
                // Editing again is safe.
                Some(_) => return Ok(Probe::Absent),
                None => {}
            }
        }
    }
    let (posts, whole) = found(account, social, parcel).await?;
    if posts.iter().all(Option::is_some) {
        let seen = receipt(&posts.into_iter().flatten().collect::<Vec<_>>());
        return Ok(Probe::Arrived(beside(account, parcel, seen)));
    }
    // A part of a thread is completed by the next attempt, which finds that part again.
    Ok(if whole { Probe::Absent } else { Probe::CannotTell })
}

/// Which of the posts stand there already, as far as an attempt must know.
async fn there(
    account: &dyn Account,
    social: &Social,
    parcel: &Parcel,
) -> Result<Vec<Option<Standing>>, Failure> {
    if parcel.attempt <= 1 {
        return Ok(vec![None; social.posts.len()]);
    }
    let (posts, whole) = found(account, social, parcel).await?;
    if whole || posts.iter().all(Option::is_some) {
        return Ok(posts);
    }
    let words = "the account's posts do not say whether it was posted";
    Err(Failure::Unknown { reply: Reply::note(words) })
}

async fn found(
    account: &dyn Account,
    social: &Social,
    parcel: &Parcel,
) -> Result<(Vec<Option<Standing>>, bool), Failure> {
    let since = parcel.due.checked_sub(SKEW).unwrap_or(parcel.due);
    let seen = account.newest(since, parcel.now).await?;
    let mut posts: Vec<Option<Standing>> = vec![None; social.posts.len()];
    // The oldest first, and each is one of the posts at the most: of two that say the same, the first was posted first.
    for standing in seen.posts.into_iter().rev() {
        let says = |post: &Post| same(&standing.text, &post.text);
        let place = social.posts.iter().zip(&mut posts).find(|(post, place)| place.is_none() && says(post));
        if let Some((_, place)) = place {
            *place = Some(standing);
        }
    }
    Ok((posts, seen.whole))
}

async fn post(
    account: &dyn Account,
    social: &Social,
    there: Vec<Option<Standing>>,
    answers: Option<&str>,
    parcel: &Parcel,
    gate: &dyn Gate,
) -> Result<Receipt, Failure> {
    // All pictures first, so that a thread is not interrupted by one.
    let mut pictures = Vec::new();
    for (post, there) in social.posts.iter().zip(&there) {
        let mut ready = Vec::new();
        for index in post.images.iter().filter(|_| there.is_none()) {
            let asset = parcel.edition.assets.get(*index);
            let asset = asset.ok_or_else(|| refused("a picture of the post is missing"))?;
            ready.push((asset, account.upload(asset, parcel).await?));
        }
        pictures.push(ready);
    }
    let mut done: Vec<Standing> = Vec::new();
    for ((post, there), pictures) in social.posts.iter().zip(there).zip(&pictures) {
        let standing = match there {
            Some(standing) => standing,
            None => {
                if !gate.pass() {
                    // The permission has ended while pictures were uploaded: the next attempt has a new one.
                    return Err(Failure::again("making it ready took too long"));
                }
                let before = done.last().map(|standing| standing.id.as_str()).or(answers);
                account.create(Draft { post, pictures, answers: before }, parcel).await?
            }
        };
        done.push(standing);
    }
    Ok(receipt(&done))
}

async fn correct(
    account: &dyn Account,
    social: &Social,
    ids: &[String],
    parcel: &Parcel,
    gate: &dyn Gate,
) -> Result<Receipt, Failure> {
    let (Some(id), Some(first)) = (ids.first(), social.posts.first()) else {
        return Err(refused("there is nothing to be said"));
    };
    if parcel.attempt > 1 {
        // What was gone may have been posted anew.
        let (posts, _) = found(account, social, parcel).await?;
        if posts.iter().all(Option::is_some) {
            return Ok(receipt(&posts.into_iter().flatten().collect::<Vec<_>>()));
        }
    }
    gate.begin().await?;
    if let Some(standing) = account.edit(id, first, parcel).await? {
        return Ok(receipt(&[standing]));
    }
    // It is gone: what was corrected is said anew.
    let there = there(account, social, parcel).await?;
    post(account, social, there, None, parcel, gate).await
}

async fn withdraw(
    account: &dyn Account,
    ids: &[String],
    parcel: &Parcel,
    gate: &dyn Gate,
) -> Result<Receipt, Failure> {
    if ids.is_empty() {
        return Err(refused("it is not known what was posted, so nothing can be deleted"));
    }
    gate.begin().await?;
    // The last one first: a thread without its end is better than one without its beginning.
    for id in ids.iter().rev() {
        account.delete(id, parcel.now).await?;
    }
    Ok(gone(ids))
}

/// The ids of what this parcel corrects or withdraws.
fn previous(account: &dyn Account, parcel: &Parcel) -> Vec<String> {
    let ids = parcel.previous_id().unwrap_or_default();
    ids.split(',').filter(|id| account.is_id(id)).map(str::to_owned).collect()
}

fn receipt(standing: &[Standing]) -> Receipt {
    let ids: Vec<&str> = standing.iter().map(|standing| standing.id.as_str()).collect();
    let words = if ids.len() == 1 { "posted".to_owned() } else { format!("posted as {}", ids.len()) };
    Receipt {
        remote_id: Some(ids.join(",")),
        url: standing.first().and_then(|standing| standing.url.clone()),
        reply: Reply::note(words),
    }
}

fn gone(ids: &[String]) -> Receipt {
    Receipt { remote_id: Some(ids.join(",")), url: None, reply: Reply::note("deleted") }
}

/// Whether two texts are the same but for white space.
pub fn same(one: &str, other: &str) -> bool {
    let dense = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    dense(one) == dense(other)
}

/// Pictures that are uploaded and that no post has yet, by content and description: one that is still being processed is not
/// uploaded again by the next attempt.
#[derive(Debug, Default)]
pub struct Uploads(Mutex<HashMap<Digest, String>>);

impl Uploads {
    /// The name of a picture, for [`Uploads::known`].
    pub fn key(asset: &Asset) -> Digest {
        Digest::of_fields(&[&asset.sha.0, asset.alt.as_bytes()])
    }

    /// What it is called there.
    pub fn known(&self, key: Digest) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Notes what it is called there.
    pub fn note(&self, key: Digest, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, id.to_owned());
    }

    /// It serves one post.
    pub fn forget(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, known| known != id);
    }
}
