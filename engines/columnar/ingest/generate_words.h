/* Word lists of the generator. */
#pragma once

typedef struct PlaceWord {
    const char *city;
    const char *country; /* ISO 3166-1 alpha-2 */
    const char *currency;
    int weight;
} PlaceWord;

typedef struct ProductWord {
    const char *category;
    const char *const *things; /* NULL-terminated */
    int price_cents;           /* typical */
} ProductWord;

typedef struct MerchantWord {
    const char *name;
    const char *category;
    int amount_cents; /* typical */
} MerchantWord;

extern const char *const WORDS_FIRST_NAMES[];
extern const int WORDS_FIRST_NAME_COUNT;
extern const char *const WORDS_LAST_NAMES[];
extern const int WORDS_LAST_NAME_COUNT;
extern const PlaceWord WORDS_PLACES[];
extern const int WORDS_PLACE_COUNT;
extern const MerchantWord WORDS_MERCHANTS[];
extern const int WORDS_MERCHANT_COUNT;
extern const ProductWord WORDS_PRODUCTS[];
extern const int WORDS_PRODUCT_COUNT;
extern const char *const WORDS_ADJECTIVES[];
extern const int WORDS_ADJECTIVE_COUNT;
extern const char *const WORDS_PAGES[];
extern const int WORDS_PAGE_COUNT;
extern const char *const WORDS_REFERRERS[];
extern const int WORDS_REFERRER_COUNT;
