/** What all captioners share: questions and answers, their settings, and the search for the tokens of a text. */
package io.kinema.recaption.captioner;
