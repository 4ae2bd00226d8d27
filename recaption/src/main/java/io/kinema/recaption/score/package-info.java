/** How well a trained video model follows its prompts. */
package io.kinema.recaption.score;
