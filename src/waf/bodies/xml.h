/* XML bodies, by expat: BODY_XML_ATTRIBUTE for each attribute as it comes, BODY_XML_TEXT once at
 * the end with all text of the document, as XPath's string value of its root element has it. Where
 * they are wanted, BODY_XML_PART follows for each part of that text: it is parted where an element
 * begins behind the end of another one, with nothing but white space between them, unless an
 * element around them has text of its own. So values that stand side by side are parts of their
 * own, and a text with marked words in it is one. White space at both ends is left out, and a part
 * of nothing else.
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
