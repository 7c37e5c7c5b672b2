/* MD5 (RFC 1321) and the SHA-2 family (FIPS 180-4) of one piece of memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void digest_md5(const void *data, size_t length, uint8_t out[16]);
void digest_sha224(const void *data, size_t length, uint8_t out[28]);
void digest_sha256(const void *data, size_t length, uint8_t out[32]);
void digest_sha384(const void *data, size_t length, uint8_t out[48]);
void digest_sha512(const void *data, size_t length, uint8_t out[64]);
