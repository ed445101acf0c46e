//! Who of a group consumes which queue. Every member computes the same from the same input.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_goes_to_one_member_and_shares_are_even() {
        for members in 1..7usize {
            let names: Vec<String> = (0..members).map(|m| m.to_string()).collect();
            for queues in 0..20usize {
                let all: Vec<usize> = (0..queues).collect();
                let shares: Vec<Vec<usize>> =
                    names.iter().map(|me| allocate_averagely(me, &names, &all)).collect();
                assert_eq!(shares.concat(), all);
                assert!(
                    shares
                        .iter()
                        .all(|s| s.len() == queues / members || s.len() == queues / members + 1)
                );
            }
        }
        assert!(allocate_averagely("stranger", &["a".to_owned()], &[1]).is_empty());
    }
}
