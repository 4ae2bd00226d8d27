/** Command lines: flags, files of flags, messages for users, and scripts that run other scripts. */
package io.kinema.data.command;
