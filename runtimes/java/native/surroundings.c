/* What the evaluator needs and Java can't do: change the directory and the environment of its process. */
#include <errno.h>
#include <jni.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

JNIEXPORT jint JNICALL Java_kernelgw_evaluator_Surroundings_chdir(JNIEnv *env, jclass class,
                                                                  jbyteArray path);
JNIEXPORT jint JNICALL Java_kernelgw_evaluator_Surroundings_setenv(JNIEnv *env, jclass class,
                                                                   jbyteArray name,
                                                                   jbyteArray value);

/* A copy with a NUL at its end, to be freed; NULL when there is no memory. */
static char *text_of(JNIEnv *env, jbyteArray bytes)
{
    jsize n = (*env)->GetArrayLength(env, bytes);
    char *text = malloc((size_t)n + 1);

    if (text) {
        (*env)->GetByteArrayRegion(env, bytes, 0, n, (jbyte *)text);
        text[n] = '\0';
    }
    return text;
}

/* Both: 0, or the errno. */
JNIEXPORT jint JNICALL Java_kernelgw_evaluator_Surroundings_chdir(JNIEnv *env, jclass class,
                                                                  jbyteArray path)
{
    char *text = text_of(env, path);
    jint rc = !text ? ENOMEM : chdir(text) == 0 ? 0 : errno;

    (void)class;
    free(text);
    return rc;
}

/* For processes that user code starts: they get the C library's environment, of which Java has a copy. */
JNIEXPORT jint JNICALL Java_kernelgw_evaluator_Surroundings_setenv(JNIEnv *env, jclass class,
                                                                   jbyteArray name,
                                                                   jbyteArray value)
{
    char *key = text_of(env, name), *text = text_of(env, value);
    jint rc = !key || !text ? ENOMEM : setenv(key, text, 1) == 0 ? 0 : errno;

    (void)class;
    free(key);
    free(text);
    return rc;
}
