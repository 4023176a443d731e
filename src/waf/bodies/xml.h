/* XML bodies, by expat: BODY_XML_ATTRIBUTE for each attribute as it comes, BODY_XML_TEXT once at
 * the end with all text of the document, as XPath's string value of its root element has it.
 *
 * A document type declaration is BODY_ERROR, so there are no entities but the five of XML itself.
 * Names are as written, with their prefix; declarations of name spaces are no attributes (XPath
 * 1.0 §5.3). UTF-8, UTF-16, ISO-8859-1 and US-ASCII are read and come out as UTF-8; another
 * encoding is BODY_ERROR. Depth, number of attributes, the number of different names (of
 * elements, attributes and prefixes, about) and one tag (xml_pieces.h) are bounded. */
#pragma once

#include "waf/bodies/body.h"

enum { XML_NAMES_MAX = 4096 };

/* An empty body has nothing. */
MUST_CHECK int xml_read(struct body_reader *r, slice body);
