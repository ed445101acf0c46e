import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * The stock client with and without an account, steered by commands on standard input, words
 * separated by tabs. Each command ends with a line "DONE" or "FAILED"; what the broker does not
 * allow is reported as "REFUSED code text".
 *
 *   account key secret              of all further commands; empty ones for none
 *   send topic body | batch topic   "SENT status"
 *   consume group topic count       each message is given back once; "GOT body times"
 *   pull group topic                "PULLED status"
 *   topic broker name               creates a topic; "CREATED"
 *   view topic                      sends, and reads the message by its offset; "VIEWED body"
 */
public class Access {
    private static String nameServer;
    private static RPCHook hook;
    private static int serial;

    public static void main(String[] args) throws Exception {
        nameServer = args[0];
        java.util.Scanner in = new java.util.Scanner(System.in, "UTF-8");
        while (in.hasNextLine()) {
            String[] words = in.nextLine().split("\t");
            String end = "DONE";
            try {
                run(words);
            } catch (Throwable e) {
                if (!refused(e)) {
                    end = "FAILED\t" + e;
                }
            }
            say(end);
        }
        System.exit(0);
    }

    private static synchronized void say(String line) {
        System.out.println(line.replace('\n', ' '));
        System.out.flush();
    }

    private static boolean refused(Throwable e) {
        for (Throwable at = e; at != null; at = at.getCause()) {
            if (at instanceof MQBrokerException) {
                MQBrokerException broker = (MQBrokerException) at;
                say("REFUSED\t" + broker.getResponseCode() + "\t" + broker.getErrorMessage());
                return true;
            }
            if (at instanceof MQClientException && ((MQClientException) at).getErrorMessage() != null
                && at.getCause() == null) {
                MQClientException client = (MQClientException) at;
                say("REFUSED\t" + client.getResponseCode() + "\t" + client.getErrorMessage());
                return true;
            }
        }
        return false;
    }

    private static void run(String[] words) throws Exception {
        switch (words[0]) {
            case "account":
                hook = words.length < 3 ? null
                    : new AclClientRPCHook(new SessionCredentials(words[1], words[2]));
                break;
            case "send":
            case "batch":
            case "view": send(words); break;
            case "consume": consume(words[1], words[2], Integer.parseInt(words[3])); break;
            case "pull": pull(words[1], words[2]); break;
            case "topic": topic(words[1], words[2]); break;
            default: throw new IllegalArgumentException("unknown command " + words[0]);
        }
    }

    private static void send(String[] words) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("PG_access", hook);
        producer.setNamesrvAddr(nameServer);
        producer.setInstanceName("producer" + (++serial));
        producer.setRetryTimesWhenSendFailed(0);
        producer.start();
        try {
            String body = words.length > 2 ? words[2] : "x";
            Message m = new Message(words[1], "tag", body.getBytes(StandardCharsets.UTF_8));
            switch (words[0]) {
                case "batch":
                    say("SENT\t" + producer.send(Arrays.asList(m)).getSendStatus());
                    break;
                case "view":
                    String id = producer.send(m).getOffsetMsgId();
                    MessageExt seen = view(producer, words[1], id);
                    say("VIEWED\t" + new String(seen.getBody(), StandardCharsets.UTF_8));
                    break;
                default:
                    say("SENT\t" + producer.send(m).getSendStatus());
            }
        } finally {
            producer.shutdown();
        }
    }

    /** Newer clients want to know the topic. */
    private static MessageExt view(DefaultMQProducer producer, String topic, String id)
        throws Exception {
        try {
            return (MessageExt) DefaultMQProducer.class.getMethod("viewMessage", String.class)
                .invoke(producer, id);
        } catch (NoSuchMethodException e) {
            return producer.viewMessage(topic, id);
        } catch (java.lang.reflect.InvocationTargetException e) {
            throw (Exception) e.getCause();
        }
    }

    private static void consume(String group, String topic, int count) throws Exception {
        DefaultMQPushConsumer consumer =
            new DefaultMQPushConsumer(group, hook, new AllocateMessageQueueAveragely());
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName("consumer" + (++serial));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        Map<String, Integer> got = new TreeMap<>();
        Set<String> refused = ConcurrentHashMap.newKeySet();
        AtomicInteger done = new AtomicInteger();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            String body = new String(messages.get(0).getBody(), StandardCharsets.UTF_8);
            synchronized (got) {
                got.merge(body, 1, Integer::sum);
            }
            if (refused.add(body)) {
                context.setDelayLevelWhenNextConsume(1);
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            done.incrementAndGet();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        long start = System.currentTimeMillis();
        while (done.get() < count && System.currentTimeMillis() - start < 30_000) {
            Thread.sleep(20);
        }
        consumer.shutdown();
        synchronized (got) {
            say("GOT\t" + got);
        }
    }

    private static void pull(String group, String topic) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group, hook);
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName("consumer" + (++serial));
        consumer.start();
        try {
            MessageQueue queue = consumer.fetchSubscribeMessageQueues(topic).iterator().next();
            say("PULLED\t" + consumer.pull(queue, "*", 0, 32).getPullStatus());
        } finally {
            consumer.shutdown();
        }
    }

    private static void topic(String broker, String name) throws Exception {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(hook);
        admin.setNamesrvAddr(nameServer);
        admin.setInstanceName("admin" + (++serial));
        admin.start();
        try {
            TopicConfig config = new TopicConfig(name);
            config.setReadQueueNums(1);
            config.setWriteQueueNums(1);
            admin.createAndUpdateTopicConfig(broker, config);
            say("CREATED");
        } finally {
            admin.shutdown();
        }
    }
}
