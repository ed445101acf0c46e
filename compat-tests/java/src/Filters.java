import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * SQL filters of the stock client, steered by commands on standard input, words separated by
 * tabs. Each command ends with a line "DONE" or "FAILED".
 *
 *   send topic from to          messages with several properties
 *   consume group topic expression count seconds [retry]
 *       "GOT bodies", in order, once there were that many and none more for so many seconds; or
 *       "REFUSED text". With retry each message is given back once: those that come again are
 *       reported as "AGAIN bodies".
 */
public class Filters {
    private static String nameServer;
    private static int serial;

    public static void main(String[] args) throws Exception {
        nameServer = args[0];
        java.util.Scanner in = new java.util.Scanner(System.in, "UTF-8");
        while (in.hasNextLine()) {
            String[] words = in.nextLine().split("\t");
            String end = "DONE";
            try {
                switch (words[0]) {
                    case "send":
                        send(words[1], Integer.parseInt(words[2]), Integer.parseInt(words[3]));
                        break;
                    case "consume": consume(words); break;
                    default: throw new IllegalArgumentException("unknown command " + words[0]);
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

    private static void send(String topic, int from, int to) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("PG_filters");
        producer.setNamesrvAddr(nameServer);
        producer.setInstanceName("producer" + (++serial));
        producer.start();
        for (int i = from; i < to; i++) {
            String tag = i % 2 == 0 ? "even" : "odd";
            Message m = new Message(topic, tag, ("" + i).getBytes(StandardCharsets.UTF_8));
            m.putUserProperty("n", "" + i);
            m.putUserProperty("even", "" + (i % 2 == 0));
            m.putUserProperty("name", "a" + i);
            m.putUserProperty("ratio", "" + i / 2.0);
            if (i % 3 == 0) {
                m.putUserProperty("third", "yes");
            }
            producer.send(m);
        }
        producer.shutdown();
    }

    private static void consume(String[] words) throws Exception {
        int count = Integer.parseInt(words[4]);
        int seconds = Integer.parseInt(words[5]);
        boolean retry = words.length > 6;
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(words[1]);
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName("consumer" + (++serial));
        consumer.setHeartbeatBrokerInterval(500);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(words[2], MessageSelector.bySql(words[3]));
        Map<Integer, Integer> got = new TreeMap<>();
        Map<Integer, Integer> again = new TreeMap<>();
        Set<String> refused = ConcurrentHashMap.newKeySet();
        AtomicLong last = new AtomicLong(System.currentTimeMillis());
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt m = messages.get(0);
            int body = Integer.parseInt(new String(m.getBody(), StandardCharsets.UTF_8));
            last.set(System.currentTimeMillis());
            synchronized (got) {
                (m.getReconsumeTimes() > 0 ? again : got).merge(body, 1, Integer::sum);
            }
            if (retry && refused.add("" + body)) {
                context.setDelayLevelWhenNextConsume(1);
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        try {
            consumer.start();
        } catch (MQClientException e) {
            say("REFUSED\t" + e.getResponseCode() + "\t" + String.valueOf(e.getErrorMessage()).replace('\n', ' '));
            return;
        }
        long start = System.currentTimeMillis();
        for (;;) {
            long now = System.currentTimeMillis();
            int found;
            synchronized (got) {
                found = retry ? again.size() : got.size();
            }
            if (found >= count && now - Math.max(start, last.get()) > seconds * 1000L
                || now - start > 30_000) {
                break;
            }
            Thread.sleep(20);
        }
        consumer.shutdown();
        synchronized (got) {
            say("GOT\t" + got);
            if (retry) {
                say("AGAIN\t" + again);
            }
        }
    }
}
