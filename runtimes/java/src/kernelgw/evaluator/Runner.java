package kernelgw.evaluator;

import java.util.concurrent.Callable;

/** Runs the user's code, a thread for each piece of it, and ends it when the reader interrupts. */
final class Runner {
    /** The code was interrupted; where it stood, or an empty trace. */
    static final class Interrupted extends Exception {
        private static final long serialVersionUID = 1;
        final boolean goesOn;

        Interrupted(StackTraceElement[] where, boolean goesOn) {
            setStackTrace(where);
            this.goesOn = goesOn;
        }
    }

    private static final long STACK_BYTES = 2 << 20;
    /** How long code may take to end by itself after Thread.interrupt(): finally blocks, closing files. */
    private static final long GENTLE_MS = 100;
    private static final long STOP_MS = 60;
    private static final int STOPS = 6;

    private final ThreadGroup group = new ThreadGroup("cells");
    private boolean busy;
    private boolean interrupted;

    private static final class Task<T> implements Runnable {
        final Callable<T> body;
        final Object lock;
        T value;
        Throwable failure;
        boolean done;

        Task(Callable<T> body, Object lock) {
            this.body = body;
            this.lock = lock;
        }

        @Override
        public void run() {
            try {
                value = body.call();
            } catch (Throwable t) {
                failure = t;
            } finally {
                synchronized (lock) {
                    done = true;
                    lock.notifyAll();
                }
            }
        }
    }

    /** From here to end() an interrupt means this request. */
    synchronized void begin() {
        busy = true;
        interrupted = false;
    }

    synchronized void end() {
        busy = false;
    }

    synchronized boolean interrupted() {
        return interrupted;
    }

    /** From the thread of the signal. */
    synchronized void interrupt() {
        if (!busy)
            return;
        interrupted = true;
        notifyAll();
    }

    <T> T call(Callable<T> body) throws Throwable {
        Task<T> task = new Task<>(body, this);
        Thread thread;
        synchronized (this) {
            if (interrupted)
                throw new Interrupted(new StackTraceElement[0], false);
            thread = new Thread(group, task, "main", STACK_BYTES);
            thread.start();
            while (!task.done && !interrupted)
                wait();
        }
        if (!task.done || interrupted())
            stop(thread, task);
        if (task.failure != null)
            throw task.failure;
        return task.value;
    }

    /**
     * First as Java means it, which wakes sleepers; then by force, again and again for code that catches everything.
     * What even that does not reach (a monitor, a system call) is left behind: the reader gets the notebook back.
     */
    @SuppressWarnings({"deprecation", "removal"})
    private void stop(Thread thread, Task<?> task) throws InterruptedException, Interrupted {
        StackTraceElement[] where = thread.getStackTrace();
        thread.interrupt();
        thread.join(GENTLE_MS);
        for (int i = 0; i < STOPS && thread.isAlive(); i++) {
            thread.stop();
            thread.join(STOP_MS);
        }
        throw new Interrupted(where, thread.isAlive());
    }
}
