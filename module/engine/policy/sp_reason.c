
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reasons that ship. The rank is the order in which
 * reasons are reported: address before credential before record, so that an
 * embargo never hides behind a missing key. Codes are stable and never
 * reused; texts name no list, no threshold and no way around.
 */


#include "sp_reason.h"


#define ANY   SP_LIFT_ANY
#define LIC   SP_LIFT_LICENCE
#define NO    SP_LIFT_NEVER

#define LEGAL       SP_CLASS_LEGAL
#define RISK        SP_CLASS_RISK
#define COMMERCIAL  SP_CLASS_COMMERCIAL
#define CREDENTIAL  SP_CLASS_CREDENTIAL
#define REQUEST     SP_CLASS_REQUEST
#define SYSTEM      SP_CLASS_SYSTEM

#define TEXT_KEY     "The API key was not accepted."
#define TEXT_ACCT    "This account cannot use the service at present."
#define TEXT_KYC     "This account has to be verified before it can be used."
#define TEXT_AGAIN   "The request cannot be judged at the moment. Try again."
#define TEXT_LAW     "The service is not available here for legal reasons."
#define TEXT_REGION  "The service is not offered in this region."
#define TEXT_ORG     "The service is not offered to this organization."
#define TEXT_NET     "The service cannot be used from this network."
#define TEXT_PLACE   "The location of this request does not fit the account."
#define TEXT_USE     "The use of the service has to be declared."
#define TEXT_END     "The end customer has to be named and accepted."
#define TEXT_REVIEW  "This API key is under review."
#define TEXT_MODEL   "This model is not available to this account."
#define TEXT_REQ     "The request was refused as malformed or ambiguous."
#define TEXT_WARN    "The request was noted."

#define SP_LAW_CODE     "unavailable_for_legal_reasons"
#define SP_AGAIN_CODE   "temporarily_unavailable"
#define SP_KEY_CODE     "invalid_credential"
#define SP_ACCT_CODE    "account_restricted"
#define SP_KYC_CODE     "verification_required"
#define SP_REGION_CODE  "region_not_supported"
#define SP_ORG_CODE     "organization_not_supported"
#define SP_USE_CODE     "attestation_required"
#define SP_NET_CODE     "network_not_permitted"
#define SP_PLACE_CODE   "location_mismatch"
#define SP_MODEL_CODE   "model_not_available"
#define SP_REQ_CODE     "invalid_request"


static const sp_reason_row_t  sp_reason_table[] = {

    /* what the engine itself says, in the order of sp_reason_id_t */

    { "VERIFICATION_UNAVAILABLE", "verification_unavailable", TEXT_AGAIN,
      201, 503, SYSTEM, NO },
    { "NO_POLICY", SP_AGAIN_CODE, TEXT_AGAIN, 203, 503, SYSTEM, NO },
    { "AUDIT_UNAVAILABLE", SP_AGAIN_CODE, TEXT_AGAIN, 205, 503, SYSTEM, NO },
    { "GATE_ERROR", SP_AGAIN_CODE, TEXT_AGAIN, 206, 503, SYSTEM, NO },

    { "CRED_MISSING", SP_KEY_CODE, "The request carries no API key.",
      301, 401, CREDENTIAL, NO },
    { "CRED_MALFORMED", SP_KEY_CODE, TEXT_KEY, 302, 401, CREDENTIAL, NO },
    { "CRED_AMBIGUOUS", SP_KEY_CODE,
      "The request carries more than one API key.",
      303, 401, CREDENTIAL, NO },
    { "CRED_UNKNOWN", SP_KEY_CODE, TEXT_KEY, 304, 401, CREDENTIAL, NO },
    { "CRED_REVOKED", SP_KEY_CODE, TEXT_KEY, 305, 401, CREDENTIAL, NO },
    { "CRED_EXPIRED", SP_KEY_CODE, TEXT_KEY, 306, 401, CREDENTIAL, NO },
    { "CRED_CIDR", SP_KEY_CODE,
      "The API key may not be used from this network.",
      307, 403, CREDENTIAL, NO },
    /* a record that cannot be read is the gate's fault, no finding about it */

    { "CRED_INVALID", SP_ACCT_CODE, TEXT_ACCT, 308, 403, SYSTEM, NO },

    { "ACCT_SUSPENDED", SP_ACCT_CODE, TEXT_ACCT, 402, 403, RISK, NO },
    { "ACCT_CLOSED", SP_ACCT_CODE, TEXT_ACCT, 403, 403, RISK, NO },

    { "KYC_REJECTED", SP_KYC_CODE, TEXT_KYC, 503, 403, LEGAL, NO },
    { "KYC_MISSING", SP_KYC_CODE, TEXT_KYC, 501, 403, LEGAL, NO },
    { "KYC_RECORD_INVALID", SP_ACCT_CODE, TEXT_ACCT, 502, 403, SYSTEM, NO },

    { "TIER_NOT_GRANTED", SP_MODEL_CODE, TEXT_MODEL,
      1303, 403, COMMERCIAL, NO },

    { "ROUTE_UNKNOWN", "unknown_route",
      "This method and path are not part of the API.",
      1251, 404, REQUEST, NO },
    { "ROUTE_AMBIGUOUS", SP_REQ_CODE, TEXT_REQ, 1252, 400, REQUEST, NO },
    { "BODY_AMBIGUOUS", SP_REQ_CODE, TEXT_REQ, 1253, 400, REQUEST, NO },
    { "BODY_TYPE", "unsupported_media_type",
      "The body has a type or an encoding that is not accepted.",
      1254, 415, REQUEST, NO },
    { "BODY_LARGE", "request_too_large", "The body is too large.",
      1255, 413, REQUEST, NO },

    { "MODEL_UNKNOWN", SP_MODEL_CODE, "This model is not offered.",
      1301, 404, COMMERCIAL, NO },
    { "NOT_ALLOWED", "not_permitted", "This request is not permitted.",
      1501, 403, COMMERCIAL, NO },
    { "RATE_LIMITED", "rate_limit_exceeded",
      "Too many requests. Wait and try again.",
      1401, 429, COMMERCIAL, NO },
    { "BUDGET_SPENT", "insufficient_quota",
      "What this limit gives is used up.", 1402, 403, COMMERCIAL, NO },

    { "RESELL_ENDCUSTOMER_UNKNOWN", "end_customer_required", TEXT_END,
      1003, 403, COMMERCIAL, NO },
    { "RESELL_ENDCUSTOMER_DENIED", "end_customer_restricted", TEXT_END,
      1004, 403, COMMERCIAL, NO },

    { "OPS_EMERGENCY_BLOCK", SP_ACCT_CODE, TEXT_ACCT, 401, 403, RISK, NO },

    /* what policies say */

    { "JUR_IP_EMBARGO", SP_LAW_CODE, TEXT_LAW, 101, 451, LEGAL, LIC },
    { "JUR_IP_REGION_EMBARGO", SP_LAW_CODE, TEXT_LAW, 102, 451, LEGAL, LIC },

    { "SYS_KYC_UNAVAILABLE", SP_AGAIN_CODE, TEXT_AGAIN,
      200, 503, SYSTEM, NO },
    { "SYS_GEO_UNAVAILABLE", SP_AGAIN_CODE, TEXT_AGAIN,
      202, 503, SYSTEM, NO },
    { "SYS_SRC_UNTRUSTED", SP_AGAIN_CODE, TEXT_AGAIN, 204, 503, SYSTEM, NO },

    { "LINK_CLUSTER_BLOCKED", SP_ACCT_CODE, TEXT_ACCT, 404, 403, RISK, NO },

    { "SCR_HIT", SP_ACCT_CODE, TEXT_ACCT, 601, 403, LEGAL, LIC },
    { "OWN_LISTED_50", SP_ACCT_CODE, TEXT_ACCT, 602, 403, LEGAL, LIC },
    { "JUR_FACT_EMBARGO", SP_ACCT_CODE, TEXT_ACCT, 603, 451, LEGAL, LIC },

    { "JUR_INC_RESTRICTED", SP_ORG_CODE, TEXT_ORG, 701, 403, LEGAL, ANY },
    { "JUR_HQ_RESTRICTED", SP_ORG_CODE, TEXT_ORG, 702, 403, LEGAL, ANY },
    { "JUR_RES_RESTRICTED", SP_REGION_CODE, TEXT_REGION,
      703, 403, LEGAL, ANY },
    { "JUR_USE_RESTRICTED", SP_REGION_CODE, TEXT_REGION,
      704, 403, LEGAL, ANY },
    { "OWN_RESTRICTED", SP_ORG_CODE, TEXT_ORG, 705, 403, LEGAL, ANY },
    { "OWN_RESTRICTED_AGG", SP_ORG_CODE, TEXT_ORG, 706, 403, LEGAL, ANY },
    { "JUR_PARENT_RESTRICTED", SP_ORG_CODE, TEXT_ORG, 707, 403, LEGAL, ANY },
    { "OWN_CONTROL_RESTRICTED", SP_ORG_CODE, TEXT_ORG, 708, 403, LEGAL, ANY },
    { "JUR_IP_UNSUPPORTED", SP_REGION_CODE, TEXT_REGION,
      709, 403, COMMERCIAL, ANY },

    { "KYC_EXPIRED", "verification_expired",
      "The verification of this account has expired.", 801, 403, LEGAL, NO },
    { "KYC_PENDING", SP_KYC_CODE, TEXT_KYC, 802, 403, LEGAL, NO },
    { "KYC_LEVEL", SP_KYC_CODE,
      "This model needs a higher verification of the account.",
      803, 403, LEGAL, NO },
    { "SCR_POTENTIAL", SP_KYC_CODE, TEXT_KYC, 804, 403, LEGAL, NO },
    { "SCR_STALE", SP_KYC_CODE, TEXT_KYC, 805, 403, LEGAL, NO },
    { "OWN_UNRESOLVED", SP_KYC_CODE, TEXT_KYC, 806, 403, LEGAL, ANY },
    { "OWN_STALE", SP_KYC_CODE, TEXT_KYC, 807, 403, LEGAL, NO },

    { "EUSE_PROHIBITED", SP_USE_CODE, TEXT_USE, 901, 403, COMMERCIAL, NO },
    { "EUSE_ATTEST_MISSING", SP_USE_CODE, TEXT_USE,
      902, 403, COMMERCIAL, NO },
    { "EUSE_ATTEST_EXPIRED", SP_USE_CODE, TEXT_USE,
      903, 403, COMMERCIAL, NO },

    { "RESELL_NOT_AUTHORISED", "end_customer_restricted", TEXT_END,
      1001, 403, COMMERCIAL, NO },
    { "RESELL_ENDCUSTOMER_MISSING", "end_customer_required", TEXT_END,
      1002, 403, COMMERCIAL, NO },

    { "NET_TOR", SP_NET_CODE, TEXT_NET, 1101, 403, RISK, NO },
    { "NET_PROXY", SP_NET_CODE, TEXT_NET, 1102, 403, RISK, NO },
    { "NET_VPN", SP_NET_CODE, TEXT_NET, 1103, 403, RISK, NO },
    { "NET_RELAY", SP_NET_CODE, TEXT_NET, 1104, 403, RISK, NO },
    { "NET_HOSTING_UNREGISTERED", SP_NET_CODE, TEXT_NET,
      1105, 403, RISK, ANY },
    { "JUR_IP_UNKNOWN", SP_PLACE_CODE, TEXT_PLACE, 1106, 403, RISK, NO },
    { "JUR_IP_REGION_UNKNOWN", SP_PLACE_CODE, TEXT_PLACE,
      1107, 403, RISK, NO },
    { "JUR_MISMATCH", SP_PLACE_CODE, TEXT_PLACE, 1108, 403, RISK, ANY },

    { "VEL_COUNTRY_SPREAD", "credential_under_review", TEXT_REVIEW,
      1201, 403, RISK, NO },
    { "VEL_IMPOSSIBLE_TRAVEL", "credential_under_review", TEXT_REVIEW,
      1202, 403, RISK, NO },

    { "MODEL_TIER_RESTRICTED", SP_MODEL_CODE, TEXT_MODEL,
      1302, 403, COMMERCIAL, NO },

    /* warnings: flags carry them; the status is that of a deny rule */

    { "OWN_RESTRICTED_MINORITY", SP_ORG_CODE, TEXT_WARN, 1601, 403, RISK,
      ANY },
    { "OWN_LISTED_MINORITY", SP_ACCT_CODE, TEXT_WARN, 1602, 403, RISK, NO },
    { "BILL_MISMATCH", SP_PLACE_CODE, TEXT_WARN, 1603, 403, RISK, ANY },
    { "GEO_STALE", SP_AGAIN_CODE, TEXT_WARN, 1604, 503, SYSTEM, NO },
    { "LIC_EXPIRING_SOON", SP_ACCT_CODE, TEXT_WARN, 1605, 403, LEGAL, NO },
    { "LIC_EXPIRED", SP_ACCT_CODE, TEXT_WARN, 1606, 403, LEGAL, NO },
    { "LIC_SCOPE", SP_ACCT_CODE, TEXT_WARN, 1607, 403, LEGAL, NO },
    { "LIC_NOT_YET_VALID", SP_ACCT_CODE, TEXT_WARN, 1608, 403, LEGAL, NO },
};


static const char *const  sp_class_names[] = {
    "legal", "risk", "commercial", "credential", "request", "system"
};


const sp_reason_row_t *
sp_reason_rows(size_t *n)
{
    *n = sp_nelts(sp_reason_table);

    return sp_reason_table;
}


const char *
sp_class_name(sp_class_t class)
{
    if ((size_t) class >= sp_nelts(sp_class_names)) {
        return "unknown";
    }

    return sp_class_names[class];
}
