/** A captioner that a server runs, asked through the interface of OpenAI's chat completions. */
package io.kinema.recaption.captioner.served;
