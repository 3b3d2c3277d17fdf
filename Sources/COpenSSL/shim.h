// OpenSSL as the connection between a daemon and workers elsewhere uses it. Swift sees no macros with arguments: those that are needed are
// functions here.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/// Makes a key on the curve P-256; NULL where that fails.
static inline EVP_PKEY *millrace_new_key(void) { return EVP_EC_gen("P-256"); }

/// Lets nothing older than TLS 1.3 be spoken, and has writes end after a part of what they were given. Returns whether that is so.
static inline int millrace_prepare(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
}
