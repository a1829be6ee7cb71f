/* Which elements dropout keeps, from the draws of `keep_mask`. */

enum { KEEP_ALL, KEEP_BITS, KEEP_WORDS };

/* `draws` has a bit an element, or 16 bits, which are below `bound` where it is kept. */
typedef struct {
  int kind;
  const void *draws;
  int16_t bound;
} Keep;

/* Write 1 for each of some elements in a row that is kept, and 0 for the others. */
static inline void kept_of(const Keep *keep, size_t start, size_t count, uint8_t *restrict kept) {
  if (keep->kind == KEEP_WORDS) {
    const int16_t *words = (const int16_t *)keep->draws + start;
    for (size_t k = 0; k < count; k++)
      kept[k] = words[k] < keep->bound;
    return;
  }
  const uint8_t *octets = keep->draws;
  size_t k = 0;
  for (; start % 8 == 0 && k + 8 <= count; k += 8) {
    /* Seven bits are spread by a product, one a byte; the eighth would run into the first. */
    uint64_t octet = octets[(start + k) / 8];
    uint64_t spread = (octet & 0x7f) * 0x0002040810204081 & 0x0101010101010101;
    spread |= (octet >> 7) << 56;
    memcpy(kept + k, &spread, 8);
  }
  for (; k < count; k++)
    kept[k] = octets[(start + k) / 8] >> (start + k) % 8 & 1;
}
