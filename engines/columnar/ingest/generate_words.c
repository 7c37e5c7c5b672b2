#include "engines/columnar/ingest/generate_words.h"

#include <stddef.h>

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

const char *const WORDS_FIRST_NAMES[] = {
    "Ada",    "Adam",      "Aisha",  "Alejandro", "Alice",   "Amara",   "Amir",   "Ana",     "Andre",
    "Anna",   "Arjun",     "Astrid", "Ayaan",     "Beatriz", "Ben",     "Björn",  "Carla",   "Carlos",
    "Chen",   "Chloé",     "Clara",  "Daan",      "Daniel",  "Daria",   "David",  "Diego",   "Dmitri",
    "Elena",  "Eli",       "Elif",   "Emily",     "Emma",    "Erik",    "Ethan",  "Eva",     "Farah",
    "Fatima", "Felix",     "Fiona",  "Freya",     "Gabriel", "Giulia",  "Grace",  "Hana",    "Hannah",
    "Haruto", "Henry",     "Hugo",   "Ibrahim",   "Ines",    "Ingrid",  "Isabel", "Ivan",    "Jack",
    "James",  "Jana",      "Javier", "Jing",      "João",    "Jonas",   "José",   "Julia",   "Kai",
    "Karim",  "Katarzyna", "Kenji",  "Lara",      "Lars",    "Laura",   "Layla",  "Leo",     "Lin",
    "Lisa",   "Liam",      "Lucas",  "Lucía",     "Luis",    "Maja",    "Marco",  "Maria",   "Marie",
    "Mateo",  "Max",       "Maya",   "Mei",       "Mia",     "Michael", "Milan",  "Mina",    "Mohamed",
    "Nadia",  "Naomi",     "Nia",    "Nikolai",   "Nina",    "Noah",    "Noor",   "Nora",    "Oliver",
    "Olivia", "Omar",      "Oscar",  "Paolo",     "Paul",    "Pedro",   "Petra",  "Priya",   "Rafael",
    "Rahul",  "Ravi",      "Renée",  "Rosa",      "Ruth",    "Ryan",    "Sakura", "Samir",   "Samuel",
    "Sara",   "Sebastian", "Simone", "Sofia",     "Soo-jin", "Stefan",  "Sven",   "Tariq",   "Theo",
    "Thomas", "Tomás",     "Uma",    "Valentina", "Vera",    "Victor",  "Wei",    "William", "Yara",
    "Yasmin", "Yuki",      "Yusuf",  "Zahra",     "Zoe",     "Zofia",
};
const int WORDS_FIRST_NAME_COUNT = COUNT(WORDS_FIRST_NAMES);

const char *const WORDS_LAST_NAMES[] = {
    "Abe",      "Ahmed",     "Ali",      "Almeida",  "Andersen", "Anderson",  "Bakker",   "Becker",
    "Bennett",  "Berg",      "Bianchi",  "Brown",    "Carter",   "Castro",    "Chaudhry", "Chen",
    "Cohen",    "Cooper",    "Costa",    "Cruz",     "da Silva", "Davies",    "de Vries", "Diaz",
    "Dubois",   "Dupont",    "Edwards",  "Eriksson", "Evans",    "Fernández", "Ferrari",  "Fischer",
    "Flores",   "Fofana",    "Garcia",   "Gonzalez", "Gupta",    "Haddad",    "Hansen",   "Harris",
    "Hassan",   "Hernández", "Hoffmann", "Huang",    "Hughes",   "Ivanov",    "Jackson",  "Jansen",
    "Jensen",   "Johansson", "Johnson",  "Jones",    "Kaya",     "Keller",    "Khan",     "Kim",
    "King",     "Kovács",    "Kowalski", "Kumar",    "Lee",      "Lefebvre",  "Lewis",    "Li",
    "Lindberg", "Lopez",     "Martin",   "Martínez", "Mendoza",  "Meyer",     "Miller",   "Mitchell",
    "Moreau",   "Morgan",    "Müller",   "Murphy",   "Nakamura", "Nguyen",    "Nielsen",  "Nowak",
    "O'Brien",  "O'Connor",  "Okafor",   "Oliveira", "Olsen",    "Park",      "Patel",    "Pereira",
    "Petrov",   "Popescu",   "Ramirez",  "Reddy",    "Ricci",    "Rivera",    "Robinson", "Rossi",
    "Russo",    "Sánchez",   "Santos",   "Sato",     "Schmidt",  "Schneider", "Sharma",   "Silva",
    "Singh",    "Smith",     "Sørensen", "Suzuki",   "Svensson", "Tanaka",    "Taylor",   "Thompson",
    "Torres",   "Tran",      "Turner",   "van Dijk", "Vasquez",  "Wagner",    "Walker",   "Wang",
    "Weber",    "White",     "Williams", "Wilson",   "Wong",     "Wright",    "Yamamoto", "Yilmaz",
    "Young",    "Zhang",
};
const int WORDS_LAST_NAME_COUNT = COUNT(WORDS_LAST_NAMES);

const PlaceWord WORDS_PLACES[] = {
    {"New York", "US", "USD", 90},     {"Los Angeles", "US", "USD", 60},    {"Chicago", "US", "USD", 45},
    {"Houston", "US", "USD", 35},      {"Seattle", "US", "USD", 30},        {"Boston", "US", "USD", 26},
    {"Austin", "US", "USD", 24},       {"Denver", "US", "USD", 20},         {"London", "GB", "GBP", 70},
    {"Manchester", "GB", "GBP", 22},   {"Edinburgh", "GB", "GBP", 12},      {"Berlin", "DE", "EUR", 42},
    {"Munich", "DE", "EUR", 28},       {"Hamburg", "DE", "EUR", 22},        {"Köln", "DE", "EUR", 16},
    {"Paris", "FR", "EUR", 50},        {"Lyon", "FR", "EUR", 16},           {"Marseille", "FR", "EUR", 12},
    {"Madrid", "ES", "EUR", 30},       {"Barcelona", "ES", "EUR", 26},      {"Milan", "IT", "EUR", 24},
    {"Rome", "IT", "EUR", 22},         {"Amsterdam", "NL", "EUR", 24},      {"Rotterdam", "NL", "EUR", 10},
    {"Vienna", "AT", "EUR", 14},       {"Zürich", "CH", "CHF", 14},         {"Genève", "CH", "CHF", 7},
    {"Stockholm", "SE", "SEK", 16},    {"København", "DK", "DKK", 12},      {"Oslo", "NO", "NOK", 11},
    {"Helsinki", "FI", "EUR", 9},      {"Dublin", "IE", "EUR", 12},         {"Lisbon", "PT", "EUR", 12},
    {"Warsaw", "PL", "PLN", 18},       {"Kraków", "PL", "PLN", 9},          {"Prague", "CZ", "CZK", 11},
    {"Toronto", "CA", "CAD", 34},      {"Vancouver", "CA", "CAD", 18},      {"Montréal", "CA", "CAD", 18},
    {"São Paulo", "BR", "BRL", 44},    {"Rio de Janeiro", "BR", "BRL", 24}, {"Mexico City", "MX", "MXN", 34},
    {"Buenos Aires", "AR", "ARS", 16}, {"Tokyo", "JP", "JPY", 52},          {"Osaka", "JP", "JPY", 22},
    {"Seoul", "KR", "KRW", 32},        {"Singapore", "SG", "SGD", 22},      {"Sydney", "AU", "AUD", 26},
    {"Melbourne", "AU", "AUD", 22},    {"Mumbai", "IN", "INR", 50},         {"Bengaluru", "IN", "INR", 44},
    {"Delhi", "IN", "INR", 40},        {"Lagos", "NG", "NGN", 18},          {"Nairobi", "KE", "KES", 12},
    {"Cape Town", "ZA", "ZAR", 12},    {"Istanbul", "TR", "TRY", 22},       {"Dubai", "AE", "AED", 16},
};
const int WORDS_PLACE_COUNT = COUNT(WORDS_PLACES);

const MerchantWord WORDS_MERCHANTS[] = {
    {"Corner Grocery", "groceries", 3200},
    {"Green Basket", "groceries", 4600},
    {"Fresh & Fair", "groceries", 3900},
    {"Harvest Market", "groceries", 5200},
    {"Bean Street Coffee", "restaurants", 620},
    {"Noodle Bar 88", "restaurants", 1900},
    {"Trattoria Lina", "restaurants", 4200},
    {"Burger Yard", "restaurants", 1500},
    {"Sushi Kaze", "restaurants", 3600},
    {"Metro Transit", "transport", 290},
    {"Swift Cabs", "transport", 1700},
    {"Blue Line Rail", "transport", 4800},
    {"Petrol One", "transport", 5600},
    {"Northwind Air", "travel", 32000},
    {"Harbour Hotels", "travel", 21000},
    {"Roam Rentals", "travel", 14000},
    {"Pixel & Co", "electronics", 18900},
    {"Volt Store", "electronics", 9900},
    {"Thread House", "clothing", 6400},
    {"Stride Shoes", "clothing", 8900},
    {"Oak & Linen", "home", 11900},
    {"Tool Shed", "home", 4700},
    {"City Pharmacy", "health", 1900},
    {"Bright Dental", "health", 12000},
    {"Fit Factory", "health", 3900},
    {"Streamly", "entertainment", 1299},
    {"Cinema Lux", "entertainment", 1450},
    {"Page Turner Books", "entertainment", 2300},
    {"Cloud Nine Hosting", "services", 2500},
    {"Mobile Plus", "services", 3500},
    {"Bright Energy", "utilities", 8800},
    {"Aqua Works", "utilities", 4100},
};
const int WORDS_MERCHANT_COUNT = COUNT(WORDS_MERCHANTS);

static const char *const AUDIO[] = {"Headphones", "Speaker", "Microphone", "Soundbar", "Turntable", NULL};
static const char *const COMPUTERS[] = {"Keyboard", "Mouse",   "Monitor", "Laptop Stand",
                                        "Webcam",   "USB Hub", NULL};
static const char *const KITCHEN[] = {"Kettle", "Frying Pan",    "Knife Set", "Blender",
                                      "Teapot", "Cutting Board", NULL};
static const char *const FURNITURE[] = {"Desk", "Chair", "Bookshelf", "Lamp", "Side Table", NULL};
static const char *const CLOTHING[] = {"Jacket", "T-Shirt", "Sweater", "Scarf", "Jeans", "Socks", NULL};
static const char *const OUTDOOR[] = {"Backpack", "Tent", "Water Bottle", "Headlamp", "Sleeping Bag", NULL};
static const char *const TOYS[] = {"Puzzle", "Board Game", "Building Set", "Plush Bear", NULL};
static const char *const BOOKS[] = {"Notebook", "Novel", "Cookbook", "Atlas", "Field Guide", NULL};

const ProductWord WORDS_PRODUCTS[] = {
    {"Audio", AUDIO, 11900},      {"Computers", COMPUTERS, 6900},
    {"Kitchen", KITCHEN, 4500},   {"Furniture", FURNITURE, 17900},
    {"Clothing", CLOTHING, 3900}, {"Outdoor", OUTDOOR, 7900},
    {"Toys", TOYS, 2900},         {"Books", BOOKS, 1900},
};
const int WORDS_PRODUCT_COUNT = COUNT(WORDS_PRODUCTS);

const char *const WORDS_ADJECTIVES[] = {
    "Classic", "Compact", "Everyday", "Premium", "Ultra", "Nordic", "Urban", "Vintage", "Smart",  "Light",
    "Rugged",  "Silent",  "Royal",    "Solar",   "Bold",  "Pure",   "Prime", "Terra",   "Alpine", "Coastal",
};
const int WORDS_ADJECTIVE_COUNT = COUNT(WORDS_ADJECTIVES);

const char *const WORDS_PAGES[] = {
    "/",     "/search", "/products", "/cart",   "/pricing", "/login",    "/account", "/checkout",
    "/docs", "/blog",   "/about",    "/orders", "/help",    "/settings", "/careers", "/contact",
};
const int WORDS_PAGE_COUNT = COUNT(WORDS_PAGES);

const char *const WORDS_REFERRERS[] = {
    "https://www.google.com/",       "https://duckduckgo.com/",      "https://www.bing.com/",
    "https://news.ycombinator.com/", "https://www.reddit.com/",      "https://www.linkedin.com/",
    "https://mail.example.com/",     "https://partner.example.org/",
};
const int WORDS_REFERRER_COUNT = COUNT(WORDS_REFERRERS);
