/**
 * What every command line of Kinema needs: flags, files of flags, errors for users, and scripts that run other scripts.
 */
package io.kinema.data.command;
