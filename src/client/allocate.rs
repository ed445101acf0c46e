//! Who of a group consumes which queue. Every member computes the same from the same input.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use md5::{Digest as _, Md5};
use protocol::bodies::MessageQueue;

/// How a group shares its queues out (Java: `AllocateMessageQueueStrategy`). All members of a
/// group must use the same one; members in Java may be among them.
#[derive(Clone, Default)]
pub enum Allocate {
    /// Consecutive runs of queues, as even as possible.
    #[default]
    Averagely,
    /// Queues are dealt out one by one in turn.
    Circle,
    /// These queues, whatever others have.
    Config(Vec<MessageQueue>),
    /// Runs of the queues on brokers whose name is `<room>@<name>` with one of these rooms.
    ///
    /// 4.4.0 hands out the wrong queues here when there are brokers in other rooms, too; do not
    /// mix with its members then.
    MachineRoom(BTreeSet<String>),
    /// Each queue goes to the member that is next to it on a ring of hashes, on which each member
    /// stands so many times (10 in 4.4.0).
    ConsistentHash(usize),
    /// Queues go to members in the same room by another way of sharing out; queues in rooms
    /// without a member go to all.
    MachineRoomNearby(Arc<Nearby>),
    /// The caller's own way.
    Custom(Arc<Custom>),
}

/// Shares out on its own: my id, the sorted ids of all, the sorted queues of a topic.
pub type Custom = dyn Fn(&str, &[String], &[MessageQueue]) -> Vec<MessageQueue> + Send + Sync;

/// Rooms of queues and members for [`Allocate::MachineRoomNearby`].
pub struct Nearby {
    /// How queues of a room are shared out.
    pub within: Allocate,
    /// The room a queue's broker is in.
    pub room_of_queue: Box<dyn Fn(&MessageQueue) -> String + Send + Sync>,
    /// The room a member is in, by its client id.
    pub room_of_member: Box<dyn Fn(&str) -> String + Send + Sync>,
}

impl fmt::Debug for Allocate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Allocate {
    /// Java's name of it.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match self {
            Self::Averagely => "AVG",
            Self::Circle => "AVG_BY_CIRCLE",
            Self::Config(_) => "CONFIG",
            Self::MachineRoom(_) => "MACHINE_ROOM",
            Self::ConsistentHash(_) => "CONSISTENT_HASH",
            Self::MachineRoomNearby(near) => {
                return format!("MACHINE_ROOM_NEARBY-{}", near.within.name());
            }
            Self::Custom(_) => "CUSTOM",
        };
        name.to_owned()
    }

    /// The queues of a topic that fall to `me`. `members` and `queues` are sorted. Empty when
    /// `me` is no member.
    #[must_use]
    pub fn share(
        &self,
        me: &str,
        members: &[String],
        queues: &[MessageQueue],
    ) -> Vec<MessageQueue> {
        let Some(index) = members.iter().position(|member| member == me) else {
            return Vec::new();
        };
        match self {
            Self::Averagely => allocate_averagely(me, members, queues),
            Self::Circle => queues.iter().skip(index).step_by(members.len()).cloned().collect(),
            Self::Config(mine) => {
                // Each topic asks on its own.
                queues.iter().filter(|queue| mine.contains(queue)).cloned().collect()
            }
            Self::MachineRoom(rooms) => by_room(index, members.len(), queues, rooms),
            Self::ConsistentHash(places) => by_hash(me, members, queues, *places),
            Self::MachineRoomNearby(near) => near.share(me, members, queues),
            Self::Custom(share) => share(me, members, queues),
        }
    }
}

/// Consecutive runs of queues, as even as possible, the first members get one more (Java:
/// `AllocateMessageQueueAveragely`). `members` and `queues` are sorted. Empty when `me` is no
/// member.
#[must_use]
pub fn allocate_averagely<Q: Clone>(me: &str, members: &[String], queues: &[Q]) -> Vec<Q> {
    let Some(index) = members.iter().position(|member| member == me) else {
        return Vec::new();
    };
    let (share, extra) = (queues.len() / members.len(), queues.len() % members.len());
    let start = index * share + index.min(extra);
    let length = share + usize::from(index < extra);
    queues.get(start..start + length).unwrap_or_default().to_vec()
}

/// The first members get one more here as well, but from behind the even shares.
fn by_room(
    index: usize,
    members: usize,
    queues: &[MessageQueue],
    rooms: &BTreeSet<String>,
) -> Vec<MessageQueue> {
    let in_rooms = |queue: &&MessageQueue| {
        let mut parts = queue.broker_name.split('@');
        let room = parts.next().unwrap_or_default();
        parts.next().is_some_and(|name| !name.is_empty())
            && parts.next().is_none()
            && rooms.contains(room)
    };
    let ours: Vec<&MessageQueue> = queues.iter().filter(in_rooms).collect();
    let share = ours.len() / members;
    let even = ours.iter().skip(index * share).take(share);
    let extra = ours.iter().skip(share * members).nth(index);
    even.chain(extra).map(|queue| (*queue).clone()).collect()
}

fn by_hash(
    me: &str,
    members: &[String],
    queues: &[MessageQueue],
    places: usize,
) -> Vec<MessageQueue> {
    let mut ring = BTreeMap::new();
    for member in members {
        for place in 0..places {
            ring.insert(ring_place(&format!("{member}-{place}")), member.as_str());
        }
    }
    let owner = |queue: &MessageQueue| {
        let behind = ring.range(ring_place(&queue.to_string())..).next();
        behind.or_else(|| ring.iter().next()).map(|(_, member)| *member)
    };
    queues.iter().filter(|queue| owner(queue) == Some(me)).cloned().collect()
}

/// The first four bytes of the MD5 sum.
fn ring_place(key: &str) -> u32 {
    let sum = Md5::digest(key.as_bytes());
    sum.iter().take(4).fold(0, |place, byte| place << 8 | u32::from(*byte))
}

impl Nearby {
    fn share(&self, me: &str, members: &[String], queues: &[MessageQueue]) -> Vec<MessageQueue> {
        let mut rooms: BTreeMap<String, Vec<MessageQueue>> = BTreeMap::new();
        for queue in queues {
            rooms.entry((self.room_of_queue)(queue)).or_default().push(queue.clone());
        }
        let mut staff: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for member in members {
            staff.entry((self.room_of_member)(member)).or_default().push(member.clone());
        }
        let my_room = (self.room_of_member)(me);
        let mut mine = Vec::new();
        if let (Some(here), Some(with_me)) = (rooms.get(&my_room), staff.get(&my_room)) {
            mine = self.within.share(me, with_me, here);
        }
        for (room, left) in &rooms {
            if !staff.contains_key(room) {
                mine.extend(self.within.share(me, members, left));
            }
        }
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|m| format!("10.0.0.{m}@7")).collect()
    }

    fn queues(broker: &str, count: i32) -> Vec<MessageQueue> {
        (0..count).map(|id| MessageQueue::new("T", broker, id)).collect()
    }

    /// The queue numbers that fall to each member.
    fn shares(how: &Allocate, members: usize, queues: &[MessageQueue]) -> Vec<Vec<i32>> {
        let names = names(members);
        let ids = |me: &String| {
            how.share(me, &names, queues).iter().map(|queue| queue.queue_id).collect()
        };
        names.iter().map(ids).collect()
    }

    #[test]
    fn every_queue_goes_to_one_member_and_shares_are_even() {
        for how in [Allocate::Averagely, Allocate::Circle] {
            for members in 1..7 {
                for count in 0..20 {
                    let shares = shares(&how, members, &queues("b", count));
                    let mut all = shares.concat();
                    all.sort_unstable();
                    assert_eq!(all, (0..count).collect::<Vec<_>>());
                    let even = count as usize / members;
                    assert!(shares.iter().all(|s| s.len() == even || s.len() == even + 1));
                }
            }
            assert!(how.share("stranger", &names(2), &queues("b", 4)).is_empty());
        }
    }

    #[test]
    fn the_ways_differ_as_they_do_in_java() {
        let six = queues("b", 6);
        assert_eq!(
            shares(&Allocate::Averagely, 4, &six),
            [vec![0, 1], vec![2, 3], vec![4], vec![5]]
        );
        assert_eq!(shares(&Allocate::Circle, 4, &six), [vec![0, 4], vec![1, 5], vec![2], vec![3]]);
        let mine = vec![MessageQueue::new("T", "b", 3), MessageQueue::new("U", "b", 1)];
        assert_eq!(shares(&Allocate::Config(mine), 2, &six), [[3], [3]]);
        let none = Allocate::Custom(Arc::new(|_, _, _| Vec::new()));
        assert_eq!(shares(&none, 1, &six), [Vec::<i32>::new()]);
    }

    #[test]
    fn rooms_take_their_own_queues() {
        let rooms = Allocate::MachineRoom(["r1".to_owned()].into());
        let mut all = queues("r1@b", 5);
        all.extend(queues("r2@b", 5));
        all.extend(queues("plain", 5));
        assert_eq!(shares(&rooms, 2, &all), [vec![0, 1, 4], vec![2, 3]]);
        let near = |room_of_member: fn(&str) -> String| {
            Allocate::MachineRoomNearby(Arc::new(Nearby {
                within: Allocate::Averagely,
                room_of_queue: Box::new(|queue| queue.broker_name[..2].to_owned()),
                room_of_member: Box::new(room_of_member),
            }))
        };
        let all = [queues("r1@b", 4), queues("r2@b", 2)].concat();
        let split = near(|member| if member.contains(".0@") { "r1".into() } else { "r2".into() });
        assert_eq!(shares(&split, 2, &all), [vec![0, 1, 2, 3], vec![0, 1]]);
        let together = near(|_| "r1".into());
        assert_eq!(shares(&together, 2, &all), [vec![0, 1, 0], vec![2, 3, 1]]);
    }

    #[test]
    fn the_ring_is_javas() {
        assert_eq!(ring_place(""), 0xD41D_8CD9);
        assert_eq!(ring_place("abc"), 0x9001_5098);
        let how = Allocate::ConsistentHash(10);
        for members in 1..5 {
            let shares = shares(&how, members, &queues("broker-a", 16));
            let mut all = shares.concat();
            all.sort_unstable();
            assert_eq!(all, (0..16).collect::<Vec<_>>(), "{members} members");
        }
        // Who leaves takes only its own queues along.
        let (three, two) = (shares(&how, 3, &queues("b", 16)), shares(&how, 2, &queues("b", 16)));
        for (before, after) in three.iter().zip(&two) {
            assert!(before.iter().all(|queue| after.contains(queue)));
        }
    }
}
