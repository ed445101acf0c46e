import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;

/**
 * Members of groups that come and go, steered by commands on standard input, words separated by
 * tabs. Each command ends with a line "DONE" or "FAILED"; messages are reported as
 * "GOT member body queueId queueOffset reconsumeTimes", tab separated.
 *
 *   join member group topic how pause   how: push ordered broadcast; the pause in ms of each message
 *   leave member
 *   pull group topic                    reads all, commits it, and stays a member that pulls
 *   send topic first count              bodies are numbers; each goes to queue body % queues
 */
public class Behaviour {
    private static String nameServer;

    public static void main(String[] args) throws Exception {
        nameServer = args[0];
        DefaultMQProducer producer = new DefaultMQProducer("PG_behaviour");
        configure(producer);
        producer.setInstanceName("producer");
        producer.start();
        Map<String, DefaultMQPushConsumer> members = new HashMap<>();
        java.util.Scanner in = new java.util.Scanner(System.in, "UTF-8");
        while (in.hasNextLine()) {
            String[] words = in.nextLine().split("\t");
            String end = "DONE";
            try {
                switch (words[0]) {
                    case "join":
                        members.put(words[1], join(words));
                        break;
                    case "leave":
                        members.remove(words[1]).shutdown();
                        break;
                    case "pull":
                        pull(words[1], words[2]);
                        break;
                    case "send":
                        send(producer, words[1], Integer.parseInt(words[2]),
                            Integer.parseInt(words[3]));
                        break;
                    default:
                        throw new IllegalArgumentException("unknown command " + words[0]);
                }
            } catch (Throwable e) {
                end = "FAILED\t" + e;
            }
            say(end);
        }
        System.exit(0);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void configure(ClientConfig client) {
        client.setNamesrvAddr(nameServer);
        client.setPollNameServerInterval(1000);
        client.setHeartbeatBrokerInterval(1000);
        client.setPersistConsumerOffsetInterval(500);
        client.setVipChannelEnabled(false);
    }

    private static void pull(String group, String topic) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group);
        configure(consumer);
        consumer.setInstanceName("puller");
        consumer.setRegisterTopics(new HashSet<>(Collections.singleton(topic)));
        consumer.start();
        int queues = consumer.fetchSubscribeMessageQueues(topic).size();
        // Offsets of queues that are not its own are forgotten.
        while (consumer.fetchMessageQueuesInBalance(topic).size() < queues) {
            Thread.sleep(50);
        }
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(topic)) {
            PullResult read = consumer.pull(queue, "*", 0, 32);
            consumer.updateConsumeOffset(queue, read.getNextBeginOffset());
        }
    }

    /** Sends each message until it is stored. */
    private static void send(DefaultMQProducer producer, String topic, int first, int count)
        throws Exception {
        long start = System.currentTimeMillis();
        for (int i = first; i < first + count; i++) {
            byte[] body = String.valueOf(i).getBytes(StandardCharsets.UTF_8);
            for (;;) {
                try {
                    producer.send(new Message(topic, "tag", body),
                        (queues, message, number) -> queues.get((Integer) number % queues.size()), i);
                    break;
                } catch (Exception e) {
                    if (System.currentTimeMillis() - start > 60_000) {
                        throw e;
                    }
                    Thread.sleep(200);
                }
            }
        }
    }

    private static void got(String member, List<MessageExt> messages, long pause) {
        try {
            Thread.sleep(pause);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        for (MessageExt m : messages) {
            say("GOT\t" + member + "\t" + new String(m.getBody(), StandardCharsets.UTF_8) + "\t"
                + m.getQueueId() + "\t" + m.getQueueOffset() + "\t" + m.getReconsumeTimes());
        }
    }

    private static DefaultMQPushConsumer join(String[] words) throws Exception {
        String member = words[1];
        long pause = Long.parseLong(words[5]);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(words[2]);
        configure(consumer);
        consumer.setInstanceName(member);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setPullThresholdForQueue(8);
        consumer.setPullBatchSize(4);
        consumer.setConsumeThreadMin(4);
        consumer.setConsumeThreadMax(4);
        if (words[4].equals("broadcast")) {
            consumer.setMessageModel(MessageModel.BROADCASTING);
        }
        consumer.subscribe(words[3], "*");
        if (words[4].equals("ordered")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                got(member, messages, pause);
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                got(member, messages, pause);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        return consumer;
    }
}
