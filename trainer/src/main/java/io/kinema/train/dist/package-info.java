/** The failures that the packages below this one share: a lost peer, and a collective past its deadline. */
package io.kinema.train.dist;
