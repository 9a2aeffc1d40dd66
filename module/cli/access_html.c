#include "access.h"
sp_rc_t sp_access_html(const sp_access_t *access, const char *file) { return SP_ERROR; }
