//! The cases: what is typed, what is done before and after, what may differ.

use std::time::Duration;

use super::compare::Mask::{self, Advice, Ids, Lines, Numbers, Order, Values, Words};

/// How long a command may take that ends by itself.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// How long one runs that does not.
const ENDLESS: Duration = Duration::from_millis(2500);

/// One case.
pub(super) struct Case {
    pub(super) text: String,
    pub(super) before: Vec<&'static str>,
    /// A command of the stock tool, and what it must print before the run.
    pub(super) ready: Option<(&'static str, &'static str)>,
    pub(super) then: Vec<&'static str>,
    pub(super) masks: Vec<Mask>,
    pub(super) limit: Duration,
}

impl Case {
    /// The command's name.
    pub(super) fn command(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// Runs these with the stock tool first.
    fn before(mut self, commands: &[&'static str]) -> Self {
        self.before.extend(commands);
        self
    }

    /// Waits until the stock tool prints this.
    fn ready(mut self, command: &'static str, text: &'static str) -> Self {
        self.ready = Some((command, text));
        self
    }

    /// Looks at the effect with these.
    fn then(mut self, commands: &[&'static str]) -> Self {
        self.then.extend(commands);
        self
    }

    /// Lets this differ.
    fn but(mut self, masks: &[Mask]) -> Self {
        self.masks.extend(masks);
        self
    }

    /// Stops it after a while.
    fn endless(mut self) -> Self {
        self.limit = ENDLESS;
        self
    }
}

fn case(text: &str) -> Case {
    Case {
        text: text.to_owned(),
        before: Vec::new(),
        ready: None,
        then: Vec::new(),
        masks: Vec::new(),
        limit: LIMIT,
    }
}

pub(super) fn cases() -> Vec<Case> {
    let lists = [topics(), routes(), groups(), messages(), sends(), servers(), offsets(), last()];
    lists.into_iter().flatten().collect()
}

fn topics() -> Vec<Case> {
    vec![
        case("updateTopic -b {broker} -t AdmT1")
            .before(&["deleteTopic -c DefaultCluster -t AdmT1"])
            .then(&["topicRoute -t AdmT1"]),
        case("updateTopic -b {broker} -t AdmT2 -r 2 -w 3 -p 4 -u true -s true")
            .before(&["deleteTopic -c DefaultCluster -t AdmT2"])
            .then(&["topicRoute -t AdmT2"]),
        case("updateTopic -c DefaultCluster -t AdmT3")
            .before(&["deleteTopic -c DefaultCluster -t AdmT3"])
            .then(&["topicRoute -t AdmT3"]),
        case("updateTopic -c DefaultCluster -b {broker} -t AdmT3 -r 1"),
        case("updateTopic -b {broker} -t AdmO1 -w 2 -o true")
            .before(&["deleteTopic -c DefaultCluster -t AdmO1"])
            // 4.4.0 complains that there was none before.
            .but(&[Mask::Errors])
            .then(&["updateOrderConf -t AdmO1 -m get", "topicRoute -t AdmO1"]),
        case("updateTopic -c DefaultCluster -t AdmO2 -o TRUE")
            .then(&["updateOrderConf -t AdmO2 -m get"]),
        case("updateTopic -c NoSuch -t AdmT4").but(&[Advice]),
        case("updateTopic -t AdmT4").but(&[Mask::Descriptions]),
        case("updateTopic -b {broker} -t AdmT4 -r x"),
        case("updateTopic -b {broker} -t ille!gal"),
        case("updateTopic -b 127.0.0.1:3 -t AdmT4"),
        case("updateTopic -b {broker} -t AdmT4 -n 127.0.0.1:3"),
        case("updateTopic -tAdmT5 -b{broker} --perm=2")
            .before(&["deleteTopic -c DefaultCluster -t AdmT5"])
            .then(&["topicRoute -t AdmT5"]),
        case("updateTopic -topic AdmT5 --brokerAddr {broker} extra -- -p 4"),
        case("deleteTopic -t AdmD1 -c DefaultCluster")
            .before(&["updateTopic -b {broker} -t AdmD1"])
            .then(&["topicRoute -t AdmD1", "topicList"]),
        case("deleteTopic -t AdmNone -c DefaultCluster"),
        case("deleteTopic -t AdmNone -c NoSuch").but(&[Advice]),
        case("deleteTopic -t AdmNone").but(&[Mask::Descriptions]),
        case("updateTopicPerm -t AdmP1 -p 4 -b {broker}")
            .before(&["updateTopic -b {broker} -t AdmP1 -r 2 -w 2"])
            .ready("topicRoute -t AdmP1", "\"perm\":6")
            .then(&["topicRoute -t AdmP1"]),
        case("updateTopicPerm -t AdmP1 -p 2 -c DefaultCluster")
            .before(&["updateTopic -b {broker} -t AdmP1 -r 2 -w 2"])
            .ready("topicRoute -t AdmP1", "\"perm\":6")
            .then(&["topicRoute -t AdmP1"]),
        case("updateTopicPerm -t AdmP1 -p 6 -b {broker}")
            .before(&["updateTopic -b {broker} -t AdmP1 -r 2 -w 2"])
            .ready("topicRoute -t AdmP1", "\"perm\":6"),
        case("updateTopicPerm -t AdmP1 -p 2 -c NoSuch").but(&[Advice]),
        case("updateTopicPerm -t AdmP1 -p 4")
            .before(&["updateTopic -b {broker} -t AdmP1 -r 2 -w 2"])
            .ready("topicRoute -t AdmP1", "\"perm\":6")
            .but(&[Mask::Descriptions]),
        case("updateTopicPerm -t AdmP1 -p x -b {broker}"),
        case("updateTopicPerm -t AdmNone -p 4 -b {broker}"),
    ]
}

fn routes() -> Vec<Case> {
    vec![
        case("topicRoute -t {topic}"),
        case("topicRoute -t AdmNone"),
        case("topicRoute -t").but(&[Mask::Descriptions]),
        case("topicStatus -t {topic}"),
        case("topicStatus -t AdmT1"),
        case("topicStatus -t AdmNone"),
        case("topicClusterList -t {topic}"),
        case("topicClusterList -t AdmNone"),
        case("topicList"),
        case("topicList -n {names}"),
        case("topicList -n 127.0.0.1:3"),
        case("topicList -c"),
        case("TOPICLIST"),
        case("allocateMQ -t {topic} -i a,b"),
        case("allocateMQ -t {topic} -i 10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4"),
        case("allocateMQ -t AdmNone -i a"),
        case("updateOrderConf -t AdmC1 -m put -v a:1;b:2")
            .then(&["updateOrderConf -t AdmC1 -m get"]),
        case("updateOrderConf -t AdmC1 -m put"),
        case("updateOrderConf -t AdmC1 -m get"),
        case("updateOrderConf -t AdmNone -m get"),
        case("updateOrderConf -t AdmC1 -m sing").but(&[Mask::Descriptions]),
        case("updateOrderConf -t AdmC1 -m delete")
            .before(&["updateOrderConf -t AdmC1 -m put -v a:1"])
            .then(&["updateOrderConf -t AdmC1 -m get"]),
    ]
}

fn groups() -> Vec<Case> {
    vec![
        case("updateSubGroup -b {broker} -g AdmG1"),
        case(
            "updateSubGroup -c DefaultCluster -g AdmG2 -s false -m true -d true -q 3 -r 4 -i 1 -w 2 -a false",
        ),
        case("updateSubGroup -c NoSuch -g AdmG2").but(&[Advice]),
        case("updateSubGroup -g AdmG2").but(&[Mask::Descriptions]),
        case("updateSubGroup -b {broker} -g AdmG2 -r many"),
        case("updateSubGroup -b 127.0.0.1:3 -g AdmG2"),
        case("deleteSubGroup -b {broker} -g AdmG3")
            .before(&["updateSubGroup -b {broker} -g AdmG3"]),
        case("deleteSubGroup -c DefaultCluster -g AdmG4")
            .before(&[
                "updateSubGroup -b {broker} -g AdmG4",
                "updateTopic -b {broker} -t %RETRY%AdmG4",
            ])
            .then(&["topicList"]),
        case("deleteSubGroup -c NoSuch -g AdmG4").but(&[Mask::Errors, Lines(1), Words(1)]),
        case("deleteSubGroup -g AdmG4").but(&[Mask::Descriptions]),
        case("producerConnection -g {producers} -t AdmOne"),
        case("producerConnection -g NoSuch -t AdmOne"),
        case("producerConnection -g {producers} -t AdmNone"),
        case("consumerConnection -g {online}"),
        case("consumerConnection -g {group}"),
        case("consumerConnection -g NoSuch"),
        case("consumerProgress"),
        case("consumerProgress -g {group}"),
        case("consumerProgress -g {online}").but(&[Numbers]),
        case("consumerProgress -g {online} -s true").but(&[Numbers]),
        case("consumerProgress -g NoSuch"),
        case("consumerProgress -g AdmIdle"),
        case("consumerStatus -g {online} -i {member}").but(&[Numbers, Order]),
        case("consumerStatus -g {online}").but(&[Numbers]),
        case("consumerStatus -g {online} -i nobody"),
        case("consumerStatus -g {group}"),
        case("consumer -g {online}").but(&[Numbers]),
        case("getConsumerStatus -g {online} -t {topic}"),
        case("getConsumerStatus -g {online} -t {topic} -i {member}"),
        case("getConsumerStatus -g {group} -t {topic}"),
        case("getConsumerStatus -g {online} -t AdmNone"),
        case("brokerConsumeStats -b {broker}"),
        case("brokerConsumeStats -b {broker} -l 1 -t 3000"),
        case("brokerConsumeStats -b {broker} -o true"),
        case("brokerConsumeStats -b 127.0.0.1:3"),
        case("brokerConsumeStats -b {broker} -l x"),
    ]
}

fn messages() -> Vec<Case> {
    vec![
        case("queryMsgById -i {id}"),
        case("queryMsgById -i {id},{id}"),
        case("queryMsgById -i 7F00000100002A139A63000000000005"),
        case("queryMsgById -i short"),
        case("queryMsgById -i {id} -g {online} -d {member}").but(&[Numbers]),
        case("queryMsgById -i {id} -g {online} -d nobody"),
        case("queryMsgById -i {id} -s false"),
        case("queryMsgByKey -t {topic} -k key1"),
        case("queryMsgByKey -t {topic} -k all"),
        case("queryMsgByKey -t {topic} -k none"),
        case("queryMsgByKey -t AdmNone -k key1"),
        case("queryMsgByUniqueKey -t {topic} -i {unique}"),
        case("queryMsgByUniqueKey -t {topic} -i {id}"),
        case("queryMsgByUniqueKey -t {topic} -i {unique} -g {online} -d {member}").but(&[Numbers]),
        case("queryMsgByUniqueKey -t {topic} -i 7F00000100002A139A63000000000099"),
        case("queryMsgByUniqueKey -t AdmNone -i {unique}"),
        case("queryMsgByOffset -t {topic} -b broker-a -i 1 -o 1"),
        case("queryMsgByOffset -t {topic} -b broker-a -i 1 -o 9"),
        case("queryMsgByOffset -t {topic} -b nobody -i 1 -o 0"),
        case("queryMsgByOffset -t AdmNone -b broker-a -i 1 -o 0"),
        case("queryMsgByOffset -t {topic} -b broker-a -i x -o 0"),
        case("queryMsgByOffset -t {topic} -b broker-a -i 1 -o -1"),
        case("printMsg -t {topic}"),
        case("printMsg -t {topic} -d false -s TagA"),
        case("printMsg -t {topic} -s TagA\\_||\\_TagB -c ISO-8859-1"),
        case("printMsg -t {topic} -s None"),
        case("printMsg -t {topic} -b {begin} -e {begin}"),
        case("printMsg -t {topic} -b 2020-01-01#00:00:00:000"),
        case("printMsg -t {topic} -b yesterday").but(&[Lines(0)]),
        case("printMsg -t AdmNone"),
        case("printMsgByQueue -t {topic} -a broker-a -i 0 -p true -d true"),
        case("printMsgByQueue -t {topic} -a broker-a -i 0 -p true"),
        case("printMsgByQueue -t {topic} -a broker-a -i 0 -f true"),
        case("printMsgByQueue -t {topic} -a broker-a -i 1 -f true -s TagB -b {begin}"),
        case("printMsgByQueue -t {topic} -a broker-a -i 0"),
        case("printMsgByQueue -t {topic} -a nobody -i 0"),
        case("printMsgByQueue -t {topic} -a broker-a -i 9 -p true"),
        case("consumeMessage -t {topic}"),
        case("consumeMessage -t {topic} -c 1"),
        case("consumeMessage -t {topic} -b broker-a -i 2"),
        case("consumeMessage -t {topic} -b broker-a -i 2 -o 1 -g {group}"),
        case("consumeMessage -t {topic} -b broker-a -i 2 -o 77"),
        case("consumeMessage -t {topic} -b broker-a -i 2 -c 1 -s {begin}"),
        case("consumeMessage -t {topic} -i 2").but(&[Advice]),
        case("consumeMessage -t {topic} -b broker-a -o 2").but(&[Advice]),
        case("consumeMessage -t {topic} -c 0").but(&[Advice]),
        case("consumeMessage -t {topic} -s 99999999999999").but(&[Advice]),
        case("consumeMessage -t {topic} -e 99999999999999").but(&[Advice]),
        case("consumeMessage -t {topic} -s 2 -e 1").but(&[Advice]),
        case("consumeMessage -t AdmNone"),
        case("queryCq -t {topic} -q 0 -i 0"),
        case("queryCq -t {topic} -q 1 -i 0 -c 1 -b {broker} -g {online}"),
        case("queryCq -t AdmNone -q 0 -i 0"),
        case("queryCq -t {topic} -q x -i 0"),
        case("DecodeMessageId -i {unique}"),
        case("DecodeMessageId -i x"),
    ]
}

fn sends() -> Vec<Case> {
    vec![
        case("sendMessage -t AdmOne -p hello").but(&[Ids]).then(&["topicStatus -t AdmNone"]),
        case("sendMessage -t {topic} -p hello\\_you -k a\\_b -c TagC -b broker-a -i 2").but(&[Ids]),
        case("sendMessage -t {topic} -p hello -b broker-a -i 77").but(&[Ids]),
        case("sendMessage -t {topic} -p hello -b nobody -i 0"),
        case("sendMessage -t {topic} -p hello -i 0").but(&[Advice]),
        case("sendMessage -t ille!gal -p hello"),
        case("sendMessage -t {topic}").but(&[Mask::Descriptions]),
        case("sendMsgStatus -b broker-a -c 3").but(&[Ids, Numbers]),
        case("sendMsgStatus -b broker-a -c 1 -s 5000").but(&[Ids, Numbers]),
        case("sendMsgStatus -b broker-a -c many"),
        case("checkMsgSendRT -t {topic} -a 4 -s 10").but(&[Numbers]),
        case("checkMsgSendRT -t AdmOne -a 1 -s 10").but(&[Numbers]),
        case("checkMsgSendRT -t {topic} -a 4").but(&[Mask::Descriptions]),
        case("clusterRT -a 3 -s 10 -i 60").but(&[Numbers]).endless(),
        case("clusterRT -a 3 -s 10 -i 60 -p true -m here -c DefaultCluster")
            .but(&[Numbers])
            .endless(),
        case("clusterRT -a 3 -s 10 -i 60 -c NoSuch").endless(),
        case("queryMsgById -i {id} -s true -u unit").but(&[Ids, Numbers]),
    ]
}

fn servers() -> Vec<Case> {
    vec![
        case("clusterList").but(&[Numbers]),
        case("clusterList -m").but(&[Numbers]),
        case("clusterList -i 1").but(&[Numbers, Lines(2)]).endless(),
        case("clusterList -i soon"),
        case("brokerStatus -b {broker}").but(&[Values]),
        case("brokerStatus -c DefaultCluster").but(&[Words(2)]),
        case("brokerStatus -c NoSuch").but(&[Advice]),
        case("brokerStatus"),
        case("brokerStatus -b 127.0.0.1:3"),
        case("statsAll").but(&[Numbers]),
        case("statsAll -t {topic}").but(&[Numbers]),
        case("statsAll -a -t AdmT1"),
        case("getBrokerConfig -b {broker}").but(&[Order]),
        case("getBrokerConfig -c DefaultCluster").but(&[Order]),
        case("getBrokerConfig -c NoSuch").but(&[Advice]),
        case("getBrokerConfig"),
        case("getBrokerConfig -b 127.0.0.1:3"),
        case("updateBrokerConfig -b {broker} -k maxDelayTime -v 41")
            .before(&["updateBrokerConfig -b {broker} -k maxDelayTime -v 40"])
            .then(&["getBrokerConfig -b {broker}"])
            .but(&[Order]),
        case("updateBrokerConfig -c DefaultCluster -k maxDelayTime -v 42"),
        case("updateBrokerConfig -c NoSuch -k maxDelayTime -v 42").but(&[Advice]),
        case("updateBrokerConfig -k maxDelayTime -v 42").but(&[Mask::Descriptions]),
        case("updateBrokerConfig -b 127.0.0.1:3 -k maxDelayTime -v 42"),
        case("getNamesrvConfig").but(&[Order]),
        case("getNamesrvConfig -n {names}").but(&[Order]),
        case("getNamesrvConfig -n 127.0.0.1:3"),
        case("updateNamesrvConfig -k productEnvName -v first")
            .before(&["updateNamesrvConfig -k productEnvName -v center"])
            .then(&["getNamesrvConfig"])
            .but(&[Order]),
        case("updateNamesrvConfig -k productEnvName -v center -n {names}"),
        case("updateKvConfig -s space -k key -v value"),
        case("updateKvConfig -s space -k key").but(&[Mask::Descriptions]),
        case("deleteKvConfig -s space -k key").before(&["updateKvConfig -s space -k key -v value"]),
        case("deleteKvConfig -s space -k none"),
        case("cleanExpiredCQ -b {broker}"),
        case("cleanExpiredCQ -c DefaultCluster"),
        case("cleanExpiredCQ"),
        case("cleanExpiredCQ -c NoSuch"),
        case("cleanExpiredCQ -b 127.0.0.1:3"),
        case("cleanUnusedTopic -b {broker}"),
        case("cleanUnusedTopic"),
        case("cleanUnusedTopic -b 127.0.0.1:3"),
        case("startMonitoring").endless(),
    ]
}

fn offsets() -> Vec<Case> {
    const START: &str = "resetOffsetByTime -g {group} -t {topic} -s 2020-01-01#00:00:00:000";
    const PROGRESS: &str = "consumerProgress -g {group}";
    vec![
        case("resetOffsetByTime -g {group} -t {topic} -s -1").before(&[START]).then(&[PROGRESS]),
        case("resetOffsetByTime -g {group} -t {topic} -s {begin}")
            .before(&["resetOffsetByTime -g {group} -t {topic} -s -1"])
            .then(&[PROGRESS]),
        case("resetOffsetByTime -g {group} -t {topic} -s -1 -f false")
            .before(&[START])
            .then(&[PROGRESS]),
        case("resetOffsetByTime -g AdmFresh -t {topic} -s 2020-01-01#00:00:00:000 -c")
            .before(&["deleteSubGroup -b {broker} -g AdmFresh"]),
        case("resetOffsetByTime -g {online} -t {topic} -s -1"),
        case("resetOffsetByTime -g {online} -t {topic} -s {begin} -f false"),
        case("resetOffsetByTime -g {group} -t {topic} -s never"),
        case("resetOffsetByTime -g {group} -t AdmNone -s -1"),
        case("resetOffsetByTime -g {group} -t {topic} -s now").before(&[START]).but(&[Numbers]),
        case("resetOffsetByTimeOld -g {group} -t {topic} -s 2020-01-01#00:00:00:000")
            .before(&["resetOffsetByTime -g {group} -t {topic} -s -1"])
            .then(&[PROGRESS]),
        case("resetOffsetByTimeOld -g {group} -t {topic} -s never"),
        case("cloneGroupOffset -s {group} -d AdmClone -t {topic}"),
        case("cloneGroupOffset -s {group} -d {group} -t {topic} -o true")
            .before(&[START])
            .then(&[PROGRESS]),
        case("cloneGroupOffset -s NoSuch -d AdmClone -t {topic}"),
    ]
}

/// Those that others would feel.
fn last() -> Vec<Case> {
    vec![
        case("wipeWritePerm -b broker-a").then(&["topicRoute -t {topic}"]),
        case("wipeWritePerm -b nobody"),
    ]
}
